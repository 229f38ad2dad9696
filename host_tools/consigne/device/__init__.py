"""The technician's commands: flash, push, provision and examine a board over its serial port."""
