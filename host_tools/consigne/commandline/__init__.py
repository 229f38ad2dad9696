"""What every command does alike: its output, what files and numbers it is given, its folder, its page."""
