"""The host: it stores what lockers report and sends them what they need to know.

From the broker to the database: ``ingest`` receives, believes or drops, stores and acknowledges.  From people
to lockers: ``pages`` and ``api`` ask ``parcels``, ``fleet`` and ``access``, which leave grants and commands
behind for the ingest to send.  ``notices`` tells customers, ``people`` knows accounts and keeps the trail,
``storage`` holds it all, ``service`` puts it together, ``serving`` is the process.

What is refused: ``errors`` has the kinds, which every room raises; ``api.refusals`` the shape in which a
program hears them, ``api.outside`` what is refused before a route is asked, ``refused`` the page for a
browser.
"""
