set(IDF_TARGET esp32c3)
set(CONSIGNE_SDKCONFIG "${MICROPY_BOARD_DIR}/sdkconfig.board")
include("${MICROPY_BOARD_DIR}/../consigne.cmake")
