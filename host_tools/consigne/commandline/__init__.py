"""What every command does alike: its output, its output file, its folder, the port of its page."""
