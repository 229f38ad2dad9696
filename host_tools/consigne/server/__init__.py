"""The host: what lockers say is stored here, and what they are to know goes out from here.

From the broker to the database: ``mqtt`` receives, ``decode`` believes or drops, ``ingest`` gathers and
answers, ``store`` commits (``contiguity`` says what may be acknowledged, ``projection`` what became of
parcels).  From people to lockers: ``api`` asks ``fleet`` and ``parcels``, which leave ``grants`` and
``commands`` behind.  ``models`` and ``database`` hold it all, ``service`` puts it together, ``broker``
brings a broker where there is none.
"""
