# What the boards of Consigne without PSRAM have in common.  Each mpconfigboard.cmake includes it, after it has
# set IDF_TARGET and, where it has one, CONSIGNE_SDKCONFIG.

get_filename_component(CONSIGNE_BOARDS "${MICROPY_BOARD_DIR}/.." ABSOLUTE)

# ESP-IDF looks for a table with a relative name in ports/esp32, so this one is named in full.
file(WRITE "${CMAKE_BINARY_DIR}/sdkconfig.partitions"
    "CONFIG_PARTITION_TABLE_CUSTOM=y\n"
    "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${CONSIGNE_BOARDS}/partitions.csv\"\n"
)

set(SDKCONFIG_DEFAULTS
    boards/sdkconfig.base
    "${CONSIGNE_BOARDS}/sdkconfig.consigne"
    ${CONSIGNE_SDKCONFIG}
    "${CMAKE_BINARY_DIR}/sdkconfig.partitions"
)
