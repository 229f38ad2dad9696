set(IDF_TARGET esp32s3)
set(CONSIGNE_SDKCONFIG "${MICROPY_BOARD_DIR}/sdkconfig.board")
include("${MICROPY_BOARD_DIR}/../consigne.cmake")
