"""The controller board from outside: pins, buses, flash, radio, the wire to the firmware."""
