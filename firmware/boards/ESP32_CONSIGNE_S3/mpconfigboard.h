#include "../consigne.h"

// A variant may name it otherwise; `consigne device flash` reads the name.
#ifndef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME "Consigne on ESP32-S3 without PSRAM"
#endif
#define MICROPY_HW_MCU_NAME "ESP32S3"

// The console is on the UART too, for boards whose USB socket leads to an adapter.
#ifndef MICROPY_HW_ENABLE_UART_REPL
#define MICROPY_HW_ENABLE_UART_REPL (1)
#endif
