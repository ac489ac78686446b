/** The calls of macOS that a set is made of, against a model of kqueue(2): what is asked of it, and what is made of its answers. */
import { assert, describe, it } from "@effect/vitest"
import type { Readiness } from "green-core/Fd"
import { dataWord, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLET, EPOLLIN, eventWords } from "../src/internal/epoll.ts"
import { EBADF, EINTR, EINVAL, EPIPE, EV_EOF, model, READ, WRITE } from "./support/kqueue.ts"

const nothing: Readiness = { readable: false, writable: false, hangup: false, error: false }

describe("a set of macOS", () => {
  it("has both knotes of a descriptor from its first wait on, and asks for one event of the direction", () => {
    const { calls, open, set, told, wait } = model()
    const file = open(7)
    wait(7, "read")
    assert.deepStrictEqual(calls.splice(0), ["7 read ADD ENABLE DISPATCH", "7 write ADD DISABLE DISPATCH"])
    assert.strictEqual(set.deliver(0), 0)
    file.ready = { [READ]: {} }
    assert.strictEqual(set.deliver(0), 1)
    assert.deepStrictEqual(told, [{ ...nothing, readable: true }])
    assert.strictEqual(set.deliver(0), 0)
    wait(7, "write")
    assert.deepStrictEqual(calls.splice(0), ["7 read DISABLE", "7 write ENABLE DISPATCH"])
  })

  it("makes one readiness of both directions", () => {
    const { open, set, told, wait } = model()
    open(7, { ready: { [READ]: {}, [WRITE]: {} } })
    open(8, { ready: { [WRITE]: {} } })
    wait(7, "readwrite")
    wait(8, "readwrite")
    assert.strictEqual(set.deliver(0), 2)
    assert.deepStrictEqual(told, [
      { ...nothing, readable: true, writable: true },
      { ...nothing, writable: true }
    ])
  })

  it("tells the end as a hang-up, and the error of a socket as an error", () => {
    const { open, set, told, wait } = model()
    open(7, { ready: { [READ]: { flags: EV_EOF } } })
    open(8, { ready: { [WRITE]: { flags: EV_EOF, filterFlags: 54 } } })
    wait(7, "read")
    wait(8, "write")
    set.deliver(0)
    assert.deepStrictEqual(told, [
      { ...nothing, readable: true, hangup: true },
      { ...nothing, writable: true, hangup: true, error: true }
    ])
  })

  it("finds a file and a directory ready at once, and asks the kernel nothing", () => {
    const { calls, open, told, wait } = model()
    open(7, { mode: 0x81a4 })
    open(8, { mode: 0x41ed })
    wait(7, "read")
    wait(8, "readwrite")
    assert.deepStrictEqual(told, [
      { ...nothing, readable: true },
      { ...nothing, readable: true, writable: true }
    ])
    assert.deepStrictEqual(calls, [])
  })

  it("finds /dev/null ready at once, and asks the kernel about every other device", () => {
    const { calls, open, told, wait } = model()
    open(7, { mode: 0x2000, device: 0x03000002 })
    open(8, { mode: 0x2000, device: 0x10000003 })
    wait(7, "write")
    assert.deepStrictEqual(told, [{ ...nothing, writable: true }])
    assert.deepStrictEqual(calls, [])
    wait(8, "write")
    assert.deepStrictEqual(calls, ["8 read ADD DISABLE DISPATCH", "8 write ADD ENABLE DISPATCH"])
    assert.strictEqual(told.length, 1)
  })

  it("fails a number under which nothing is open", () => {
    const { told, wait } = model()
    wait(7, "read")
    assert.include(String(told[0]), "no open descriptor has this number")
  })

  it("fails who waits for a number that was closed and reused, and waits for the new file", () => {
    const { open, set, told, wait } = model()
    open(7)
    wait(7, "read")
    open(7, { ready: { [READ]: {} } })
    wait(7, "read")
    assert.include(String(told.shift()), "no open descriptor has this number")
    set.deliver(0)
    assert.deepStrictEqual(told, [{ ...nothing, readable: true }])
  })

  it("needs only the direction that is asked for, and fails one that cannot be", () => {
    const { open, told, wait } = model()
    open(7, { refuses: { filter: WRITE, errno: EINVAL } })
    wait(7, "read")
    assert.deepStrictEqual(told, [])
    wait(7, "write")
    assert.include(String(told.at(-1)), "EINVAL")
  })

  it("finds a pipe without its reader ready to be written to, which tells", () => {
    const { open, told, wait } = model()
    open(7, { refuses: { filter: WRITE, errno: EPIPE } })
    wait(7, "write")
    assert.deepStrictEqual(told, [{ ...nothing, writable: true }])
  })

  it("is silent about a wait that was withdrawn, and forgets one that is to be closed", () => {
    const { calls, open, set, told, wait } = model()
    const file = open(7)
    const withdraw = wait(7, "read")
    calls.length = 0
    withdraw()
    assert.deepStrictEqual(calls.splice(0), ["7 read DISABLE", "7 write DISABLE"])
    file.ready = { [READ]: {} }
    assert.strictEqual(set.deliver(0), 0)
    wait(7, "write")
    calls.length = 0
    set.notifyClosing(7)
    assert.deepStrictEqual(calls, ["7 read DELETE", "7 write DELETE"])
    assert.include(String(told[0]), "being closed")
  })

  it("waits for so many milliseconds, or without end", () => {
    const { kqueue, set, timeouts } = model()
    set.deliver(1250)
    kqueue.epollWait(3, new Uint32Array(eventWords), 1, -1)
    assert.deepStrictEqual(timeouts, [[1, 0, 250_000_000, 0], null])
  })

  it("keeps whoever waits over a signal, and fails all when the set is closed", () => {
    const { fail, open, set, told, wait } = model()
    open(7)
    wait(7, "read")
    fail(EINTR)
    assert.strictEqual(set.deliver(0), 0)
    assert.deepStrictEqual(told, [])
    fail(EBADF)
    assert.strictEqual(set.deliver(0), 0)
    assert.include(String(told[0]), "EBADF")
    wait(7, "read")
    assert.include(String(told[1]), "no open descriptor has this number")
  })

  it("takes many events in one call, and no more than there is room for", () => {
    const { open, set, told, wait } = model()
    for (let fd = 100; fd < 500; fd++) {
      open(fd, { ready: { [READ]: {} } })
      wait(fd, "read")
    }
    assert.strictEqual(set.deliver(0), 256)
    assert.strictEqual(set.deliver(0), 144)
    assert.strictEqual(set.deliver(0), 0)
    assert.strictEqual(told.length, 400)
  })

  it("tells what is new, once, when it is asked for that: the set of a worker", () => {
    const { calls, kqueue, open } = model()
    open(7, { ready: { [READ]: {} } })
    const event = new Uint32Array(eventWords)
    event[0] = EPOLLIN | EPOLLET
    event[dataWord] = 41
    assert.strictEqual(kqueue.epollControl(3, EPOLL_CTL_ADD, 7, event), 0)
    assert.deepStrictEqual(calls, ["7 read ADD ENABLE CLEAR", "7 write ADD DISABLE CLEAR"])
    const events = new Uint32Array(eventWords)
    assert.strictEqual(kqueue.epollWait(3, events, 1, 0), 1)
    assert.deepStrictEqual([events[0], events[dataWord]], [EPOLLIN, 41])
    assert.strictEqual(kqueue.epollControl(3, EPOLL_CTL_DEL, 7, event), 0)
    assert.strictEqual(kqueue.epollControl(3, EPOLL_CTL_DEL, 7, event), -1)
  })
})
