#include "../consigne.h"

// A variant may name it otherwise; `consigne device flash` reads the name.
#ifndef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME "Consigne on ESP32 without PSRAM"
#endif
#define MICROPY_HW_MCU_NAME "ESP32"
