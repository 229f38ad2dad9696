# No console at all: what a board is to be, it must be before this goes onto it.
include("${MICROPY_BOARD_DIR}/../closed.cmake")
