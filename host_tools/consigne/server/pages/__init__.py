"""The pages (NiceGUI): the cabinet's front, as a person sees it, and the operator's view.

``cabinet``, ``terminal`` and ``bench`` draw one cabinet through the ``front.Front`` protocol;
``operator``, ``ticket``, ``compartments`` and ``feed`` show what the host knows.  Nothing in
here knows a simulator: ``consigne demo`` brings a front that drives one.
"""
