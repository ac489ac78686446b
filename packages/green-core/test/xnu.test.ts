/**
 * The numbers of macOS, against what is written in the sources of its kernel, XNU, on github.com: event.h and fcntl.h in
 * apple-oss-distributions/xnu at 1031c584, `struct stat` there at 5c2921b0; kinds of files, poll.h and socket.h in
 * apple/darwin-xnu at 03489ce2, the table of devices there at 0a798f67.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Koffi from "koffi"
import * as Epoll from "../src/internal/epoll.ts"
import { AF_UNIX, FD_CLOEXEC, F_GETFL, F_SETFD, F_SETFL, SHUT_WR, SOCK_STREAM } from "../src/internal/libc.ts"
import * as Xnu from "../src/internal/xnu.ts"

describe("the numbers of macOS", () => {
  it("bsd/sys/event.h", () => {
    const { EVFILT_READ, EVFILT_WRITE } = Xnu
    assert.deepStrictEqual({ EVFILT_READ, EVFILT_WRITE }, { EVFILT_READ: -1, EVFILT_WRITE: -2 })
    const { EV_ADD, EV_CLEAR, EV_DELETE, EV_DISABLE, EV_DISPATCH, EV_ENABLE, EV_EOF, EV_ERROR, EV_RECEIPT } = Xnu
    assert.deepStrictEqual(
      { EV_ADD, EV_DELETE, EV_ENABLE, EV_DISABLE, EV_CLEAR, EV_RECEIPT, EV_DISPATCH, EV_EOF, EV_ERROR },
      {
        EV_ADD: 0x0001,
        EV_DELETE: 0x0002,
        EV_ENABLE: 0x0004,
        EV_DISABLE: 0x0008,
        EV_CLEAR: 0x0020,
        EV_RECEIPT: 0x0040,
        EV_DISPATCH: 0x0080,
        EV_EOF: 0x8000,
        EV_ERROR: 0x4000
      }
    )
  })

  it("bsd/sys/stat.h, bsd/dev/arm/conf.c", () => {
    const { memoryDevices, S_IFCHR, S_IFDIR, S_IFMT, S_IFREG } = Xnu
    assert.deepStrictEqual(
      { S_IFMT, S_IFCHR, S_IFDIR, S_IFREG, memoryDevices },
      { S_IFMT: 0o170000, S_IFCHR: 0o020000, S_IFDIR: 0o040000, S_IFREG: 0o100000, memoryDevices: 3 }
    )
  })

  it("bsd/sys/poll.h", () => {
    const { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, POLLNVAL } = Epoll
    assert.deepStrictEqual(
      { POLLIN: EPOLLIN, POLLOUT: EPOLLOUT, POLLERR: EPOLLERR, POLLHUP: EPOLLHUP, POLLNVAL },
      { POLLIN: 0x0001, POLLOUT: 0x0004, POLLERR: 0x0008, POLLHUP: 0x0010, POLLNVAL: 0x0020 }
    )
  })

  it("bsd/sys/fcntl.h, bsd/sys/socket.h", () => {
    assert.deepStrictEqual(
      { F_SETFD, F_GETFL, F_SETFL, FD_CLOEXEC, AF_UNIX, SOCK_STREAM, SHUT_WR },
      { F_SETFD: 2, F_GETFL: 3, F_SETFL: 4, FD_CLOEXEC: 1, AF_UNIX: 1, SOCK_STREAM: 1, SHUT_WR: 1 }
    )
  })
})

/** As a C compiler for 64 bits lays them out; event.h packs to 4 bytes, which leaves this one as it is. */
describe("the structures of macOS", () => {
  it("struct kevent, bsd/sys/event.h", () => {
    const kevent = Koffi.struct({
      ident: "uintptr_t",
      filter: "int16_t",
      flags: "uint16_t",
      fflags: "uint32_t",
      data: "intptr_t",
      udata: "void *"
    })
    assert.strictEqual(Koffi.sizeof(kevent), Xnu.keventWords * 4)
    assert.deepStrictEqual(
      ["ident", "filter", "flags", "fflags", "data", "udata"].map((name) => Koffi.offsetof(kevent, name)),
      [0, Xnu.filterWord * 4, Xnu.filterWord * 4 + 2, Xnu.filterFlagsWord * 4, Xnu.dataWord * 4, Xnu.userWord * 4]
    )
  })

  it("struct stat with inodes of 64 bits, bsd/sys/stat.h", () => {
    const timespec = Koffi.struct({ tv_sec: "int64_t", tv_nsec: "int64_t" })
    const stat = Koffi.struct({
      st_dev: "int32_t",
      st_mode: "uint16_t",
      st_nlink: "uint16_t",
      st_ino: "uint64_t",
      st_uid: "uint32_t",
      st_gid: "uint32_t",
      st_rdev: "int32_t",
      st_atimespec: timespec,
      st_mtimespec: timespec,
      st_ctimespec: timespec,
      st_birthtimespec: timespec,
      st_size: "int64_t",
      st_blocks: "int64_t",
      st_blksize: "int32_t",
      st_flags: "uint32_t",
      st_gen: "uint32_t",
      st_lspare: "int32_t",
      st_qspare: Koffi.array("int64_t", 2)
    })
    assert.strictEqual(Koffi.sizeof(stat), Xnu.statHalves * 2)
    assert.strictEqual(Koffi.offsetof(stat, "st_mode"), Xnu.modeHalf * 2)
    assert.strictEqual(Koffi.offsetof(stat, "st_rdev"), Xnu.deviceHalf * 2 - 2)
  })
})
