/**
 * What is said to kqueue(2), and by it: the numbers of macOS, and how its structures lie in memory on 64 bits, as in the
 * headers of XNU.
 */

// bsd/sys/event.h
export const EVFILT_READ = -1
export const EVFILT_WRITE = -2
export const EV_ADD = 0x0001
export const EV_DELETE = 0x0002
export const EV_ENABLE = 0x0004
export const EV_DISABLE = 0x0008
export const EV_CLEAR = 0x0020
export const EV_RECEIPT = 0x0040
export const EV_DISPATCH = 0x0080
export const EV_ERROR = 0x4000
export const EV_EOF = 0x8000

/** `struct kevent` in words of 32 bits: ident 2, filter and flags 1, fflags 1, data 2, udata 2. */
export const keventWords = 8
export const filterWord = 2
export const filterFlagsWord = 3
export const dataWord = 4
export const userWord = 6

// bsd/sys/stat.h
export const S_IFMT = 0xf000
export const S_IFCHR = 0x2000
export const S_IFDIR = 0x4000
export const S_IFREG = 0x8000

/** `struct stat` in halves of words: `st_mode` after the 32 bits of `st_dev`; the upper half of `st_rdev` has the major number. */
export const statHalves = 72
export const modeHalf = 2
export const deviceHalf = 13

// bsd/dev/arm/conf.c and bsd/dev/i386/conf.c
/** The major number of /dev/null and /dev/zero: always ready, and refused by kqueue. */
export const memoryDevices = 3
