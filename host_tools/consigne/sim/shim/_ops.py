"""Numbers of the messages between the machine shim and the board.

A message is ``op, number, length (u16, little endian)`` and the payload.  Ops below ``FIRST_ASK``
are posts, nobody answers; from there on they are questions, answered with ``status, 255, length``
and a payload.  Status 0 is success, ``BAD_VALUE`` a ValueError whose text is the payload, ``BAD_OS`` an
OSError whose i32 errno, 0 for none, and text are the payload, anything else an errno.  Pushes come from
the board unasked: ``op, number, 1, value``; their ops begin with ``PUSH_``.
"""

PIN_WRITE = 1  # pin; level
PIN_IRQ = 2  # pin; triggers
UART_WRITE = 3  # port; bytes
UART_IRQ = 4  # port; 1 on, 0 off
RMT_PLAY = 6  # channel; u16 each: duration, level in bit 15
RMT_STOP = 7  # channel
WDT_FEED = 8
RESET = 9
SOFT_RESET = 10  # 1 when the prompt is in raw mode; only for a board with a console, as the next
CONSOLE_AGAIN = 11  # interrupt the program again: the first interrupt came in code that is C on a board

FIRST_ASK = 32
PIN_SETUP = 32  # pin; mode, pull, value, each 255 for "leave"
LEVELS = 33  # -> u64, bit n is GPIO n
I2C_WRITE = 34  # address; bus, bytes
I2C_READ = 35  # address; bus, u16 count, bytes to write before a repeated start -> bytes
I2C_SCAN = 36  # bus -> addresses; a bus is scl, sda, u16 kHz
UART_OPEN = 37  # port; u32 baud, tx, rx, u16 rxbuf, bits in a frame
UART_READ = 38  # port; u16 count -> bytes
UART_ANY = 39  # port -> u16
RMT_OPEN = 40  # channel; pin, idle level, u32 resolution in Hz
RMT_BUSY = 41  # channel -> 0 or 1
WDT_START = 42  # u32 ms
INFO = 43  # -> reset cause, unique id
ADC_READ = 44  # pin -> u32 microvolts
PARTITION = 45  # label -> u32 blocks, u32 bytes in a block, u32 address, u8 type, u8 subtype
FLASH_READ = 46  # u32 block, u32 offset, u32 count, label -> bytes
FLASH_WRITE = 47  # u32 block, u32 offset or 0xFFFFFFFF, u8 length of label, label, bytes
FLASH_IOCTL = 48  # op; u32 argument, label -> i32
WLAN_ACTIVE = 49  # 0, 1; 2: have the driver set up
WLAN_JOIN = 50  # u8 length of ssid, ssid, password
WLAN_LEAVE = 51
PWM_SET = 53  # pin; u32 Hz, u16 duty; a frequency of 0 gives the pin back
WLAN_STATUS = 52  # -> active, connected, u16 status, i8 dBm or NOBODY
LAN_OPEN = 54  # PHY address; 0, power, mdc, mdio, clock, whether it is given; 1, power, SPI, cs, int, reset
LAN_ACTIVE = 55  # 0, 1
LAN_STATUS = 56  # -> active, status, connected, made
BITSTREAM = 57  # pin; four times in ns as u16: high and low of a 0, of a 1; bytes, the highest bit first
SPI_OPEN = 58  # number; sck, mosi, miso (255: none), u32 baud, polarity, phase, bits, first bit
SPI_CLOSE = 59  # number
PARTITIONS = 60  # -> the labels, joined by NUL
CONSOLE_WRITE = 61  # bytes, sent unchanged; only for a board with a console, as the next
CONSOLE_INTERRUPT = 62  # the character that interrupts a program, 255 for none
NAME_SERVER = 64  # -> the four bytes of its address
HEAPS = 63  # -> ESP-IDF's heaps, four times u32 each: in all, free, largest block, least free so far

PUSH_PIN = 128  # pin, level: an interrupt
PUSH_UART = 129  # port: a received burst has ended
PUSH_LEVELS = 130  # an input changed since LEVELS was answered

ANSWER = 255  # in the place of the number
BAD_VALUE = 255
BAD_OS = 254
LEAVE = 255
NOBODY = 127
WHOLE_BLOCK = 0xFFFFFFFF
