/**
 * What is said to epoll, and by it: the form in which a set is spoken to everywhere. poll(2) has the same bits, on macOS
 * too.
 */
export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLL_CTL_MOD = 3
export const EPOLL_CLOEXEC = 0x80000
export const EPOLLIN = 0x001
export const EPOLLOUT = 0x004
export const EPOLLERR = 0x008
export const EPOLLHUP = 0x010
export const POLLNVAL = 0x020
export const EPOLLET = 0x80000000
export const EPOLLONESHOT = 0x40000000

/** `struct epoll_event` in 32-bit words: packed on x64 (12 bytes), aligned elsewhere (16). */
export const eventWords = process.arch === "x64" ? 3 : 4
/** Where the 64 bits of user data start in it. */
export const dataWord = process.arch === "x64" ? 1 : 2
