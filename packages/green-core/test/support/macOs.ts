/** What kqueue(2) of macOS is told, and tells, written out: not the numbers and layouts of what is tested. */
export const EVFILT_READ = -1
export const EVFILT_WRITE = -2
export const EV_ADD = 1
export const EV_DELETE = 2
export const EV_ENABLE = 4
export const EV_DISABLE = 8
export const EV_CLEAR = 0x20
export const EV_RECEIPT = 0x40
export const EV_DISPATCH = 0x80
export const EV_ERROR = 0x4000
export const EV_EOF = 0x8000

/** `struct kevent`, by its layout of 64-bit macOS, read and written by byte: the code under test does it by word. */
export const kevent = { size: 32, filter: 8, flags: 10, filterFlags: 12, data: 16, user: 24 }
