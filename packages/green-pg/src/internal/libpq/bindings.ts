/**
 * The functions of libpq that take or give more than numbers and texts: what C has in memory, as JavaScript. Called by
 * `load` only.
 */
import type * as Koffi from "koffi"
import type { Handle, LibpqFunctions, LibpqNotification, LibpqParameters } from "../../Libpq.ts"
import { messageOf } from "../failures.ts"

export type Library = ReturnType<typeof Koffi.load>
type Part<Name extends keyof LibpqFunctions> = Pick<LibpqFunctions, Name>

export const conninfo = (
  koffi: typeof Koffi,
  library: Library
): Part<"PQconninfoParse" | "PQconninfo" | "PQconnectStartParams"> => {
  const option = koffi.struct({
    keyword: "const char *",
    envvar: "const char *",
    compiled: "const char *",
    val: "const char *",
    label: "const char *",
    dispchar: "const char *",
    dispsize: "int"
  })
  const size = koffi.sizeof(option)
  const parse = library.func("void *PQconninfoParse(str conninfo, _Out_ void **failure)")
  const used = library.func("void *PQconninfo(uintptr_t connection)")
  const free = library.func("void PQconninfoFree(void *options)")
  const freeMemory = library.func("void PQfreemem(void *memory)")
  const start = library.func(
    "uintptr_t PQconnectStartParams(const char **keywords, const char **values, int expand_dbname)"
  )
  /** The array ends with an option without a keyword. */
  const read = (options: unknown): Map<string, string | undefined> => {
    const found = new Map<string, string | undefined>()
    for (let at = 0; ; at += size) {
      const { keyword, val } = koffi.decode(options, at, option)
      if (keyword === null) return found
      found.set(keyword, val ?? undefined)
    }
  }
  return {
    PQconninfoParse: (text) => {
      const failure: Array<unknown> = [null]
      const options: unknown = parse(text, failure)
      if (options === null) {
        const [message] = failure
        const problem: string = message === null ? "out of memory" : koffi.decode(message, "char", -1)
        if (message !== null) freeMemory(message)
        throw new Error(problem.trim())
      }
      try {
        return Object.fromEntries(
          [...read(options)].flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))
        )
      } finally {
        free(options)
      }
    },
    PQconninfo: (connection) => {
      const options: unknown = used(connection)
      if (options === null) return {}
      try {
        return Object.fromEntries(read(options))
      } finally {
        free(options)
      }
    },
    PQconnectStartParams: (keywords, values) => start([...keywords, null], [...values, null], 0)
  }
}

export const notifies = (koffi: typeof Koffi, library: Library): LibpqFunctions["PQnotifies"] => {
  const notification = koffi.struct({ relname: "const char *", be_pid: "int", extra: "const char *" })
  const take = library.func("void *PQnotifies(uintptr_t connection)")
  const free = library.func("void PQfreemem(void *memory)")
  return (connection): LibpqNotification | undefined => {
    const taken: unknown = take(connection)
    if (taken === null) return undefined
    const { be_pid, extra, relname } = koffi.decode(taken, notification)
    free(taken)
    return { channel: relname, processId: be_pid, payload: extra }
  }
}

/** One callback for all connections: koffi has few, and one that is freed too early ends the process. */
export const notices = (koffi: typeof Koffi, library: Library): LibpqFunctions["setNoticeReceiver"] => {
  const receivers = new Map<Handle, (result: Handle) => void>()
  const receiver = koffi.proto("void", ["uintptr_t", "uintptr_t"])
  const set = library.func("void *PQsetNoticeReceiver(uintptr_t connection, void *receiver, uintptr_t argument)")
  let callback: bigint | undefined
  return (connection, onNotice) => {
    callback ??= koffi.register((argument: Handle, result: Handle) => {
      try {
        receivers.get(argument)?.(result)
      } catch {
        // There is C between here and whoever could catch it.
      }
    }, koffi.pointer(receiver))
    if (onNotice === undefined) {
      receivers.delete(connection)
    } else {
      receivers.set(connection, onNotice)
      set(connection, callback, connection)
    }
  }
}

export const queries = (
  koffi: typeof Koffi,
  library: Library
): Part<"PQsendQueryParams" | "PQsendPrepare" | "PQsendQueryPrepared"> => {
  const sendParams = library.func(
    "int PQsendQueryParams(uintptr_t connection, str sql, int count, const void *types, const void *values, const void *lengths, const void *formats, int binary)"
  )
  const sendPrepare = library.func(
    "int PQsendPrepare(uintptr_t connection, str name, str sql, int count, const void *types)"
  )
  const sendPrepared = library.func(
    "int PQsendQueryPrepared(uintptr_t connection, str name, int count, const void *values, const void *lengths, const void *formats, int binary)"
  )
  let pointers = new BigUint64Array(16)
  const addresses = ({ buffer, count, starts }: LibpqParameters): BigUint64Array => {
    if (pointers.length < count) pointers = new BigUint64Array(count * 2)
    const base = koffi.address(buffer)
    for (let index = 0; index < count; index++) {
      const start = starts[index] ?? -1
      pointers[index] = start < 0 ? 0n : base + BigInt(start)
    }
    return pointers
  }
  return {
    PQsendQueryParams: (connection, sql, parameters) => {
      const { count, formats, lengths, types } = parameters
      return count === 0
        ? sendParams(connection, sql, 0, null, null, null, null, 1)
        : sendParams(connection, sql, count, types, addresses(parameters), lengths, formats, 1)
    },
    PQsendPrepare: (connection, name, sql, { count, types }) =>
      sendPrepare(connection, name, sql, count, count === 0 ? null : types),
    PQsendQueryPrepared: (connection, name, parameters) => {
      const { count, formats, lengths } = parameters
      return count === 0
        ? sendPrepared(connection, name, 0, null, null, null, 1)
        : sendPrepared(connection, name, count, addresses(parameters), lengths, formats, 1)
    }
  }
}

/** By its address the target costs half as much, and it is mostly the same one. */
export const copyMemory = (koffi: typeof Koffi, library: Library): LibpqFunctions["copyMemory"] => {
  const copy = library.func("void memcpy(uintptr_t target, uintptr_t source, size_t length)")
  let last: Uint8Array | undefined
  let address = 0
  return (target, source, length) => {
    if (target !== last) {
      last = target
      address = Number(koffi.address(target))
    }
    copy(address, source, length)
  }
}

export const copyData = (library: Library): LibpqFunctions["getCopyData"] => {
  const get = library.func("int PQgetCopyData(uintptr_t connection, _Out_ void **bytes, int async)")
  const free = library.func("void PQfreemem(void *memory)")
  const copy = library.func("void memcpy(_Out_ void *target, const void *source, size_t length)")
  const taken: Array<unknown> = [null]
  return (connection) => {
    const length: number = get(connection, taken, 1)
    if (length <= 0) return length
    const bytes = new Uint8Array(length)
    copy(bytes, taken[0], length)
    free(taken[0])
    return bytes
  }
}

export const cancels = (library: Library): Part<"cancel" | "PQcancel" | "cancelBlocking"> => {
  const getCancel = library.func("void *PQgetCancel(uintptr_t connection)")
  const freeCancel = library.func("void PQfreeCancel(void *cancel)")
  const cancel = library.func("int PQcancel(void *cancel, _Out_ void *failure, int size)")
  const reason = (done: number, failure: Buffer): string | undefined =>
    done === 1 ? undefined : failure.toString("utf8", 0, Math.max(failure.indexOf(0), 0)).trim()
  return {
    cancel: cancelFunctions(library),
    PQcancel: (connection, done) => {
      const request: unknown = getCancel(connection)
      if (request === null) return done("there is nothing to cancel")
      const failure = Buffer.alloc(256)
      cancel.async(request, failure, failure.length, (error: unknown, result: number) => {
        freeCancel(request)
        done(error === null || error === undefined ? reason(result, failure) : messageOf(error))
      })
    },
    cancelBlocking: (connection) => {
      const request: unknown = getCancel(connection)
      if (request === null) return "there is nothing to cancel"
      const failure = Buffer.alloc(256)
      try {
        return reason(cancel(request, failure, failure.length), failure)
      } finally {
        freeCancel(request)
      }
    }
  }
}

const cancelFunctions = (library: Library): LibpqFunctions["cancel"] => {
  try {
    return {
      PQcancelCreate: library.func("uintptr_t PQcancelCreate(uintptr_t connection)"),
      PQcancelStart: library.func("int PQcancelStart(uintptr_t cancel)"),
      PQcancelPoll: library.func("int PQcancelPoll(uintptr_t cancel)"),
      PQcancelSocket: library.func("int PQcancelSocket(uintptr_t cancel)"),
      PQcancelErrorMessage: library.func("str PQcancelErrorMessage(uintptr_t cancel)"),
      PQcancelFinish: library.func("void PQcancelFinish(uintptr_t cancel)")
    }
  } catch {
    return undefined
  }
}
