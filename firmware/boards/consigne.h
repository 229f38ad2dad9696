// What the boards of Consigne without PSRAM have in common; included by each mpconfigboard.h.

// The application is executed in place: from the partition "romfs", through vfs.VfsRom and vfs.rom_ioctl.
#define MICROPY_VFS_ROM (1)
#define MICROPY_VFS_ROM_IOCTL (1)

// Nothing of it speaks Bluetooth or ESP-NOW; ESP-IDF keeps memory for the controller of the first when it is there.
#define MICROPY_PY_BLUETOOTH (0)
#define MICROPY_PY_ESPNOW (0)
