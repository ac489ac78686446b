/**
 * libpq by koffi: finds the library, loads it, and declares its functions. Called by `Libpq.layer` only.
 */
import type * as Koffi from "koffi"
import { createRequire } from "node:module"
import type { Handle, LibpqFunctions, LibpqNotification, LibpqParameters } from "../../Libpq.ts"
import type { PgErrorReason } from "../../PgError.ts"

const loaded = new Map<string, LibpqFunctions>()

const oldest = 140000

/** The functions of the library of that path, or why there are none. A failure is not remembered. */
export const load = (path: string | undefined): LibpqFunctions | PgErrorReason => {
  const named = path ?? process.env["GREEN_LIBPQ"]
  const candidates = named === undefined || named === "" ? systemNames() : [named]
  for (const candidate of candidates) {
    const found = loaded.get(candidate)
    if (found !== undefined) return found
  }
  let koffi: typeof Koffi
  try {
    koffi = createRequire(import.meta.url)("koffi")
  } catch (cause) {
    return { _tag: "LibraryMissing", tried: ["koffi"], problem: `koffi could not be loaded: ${messageOf(cause)}` }
  }
  const problems: Array<string> = []
  for (const candidate of candidates) {
    try {
      const functions = declare(koffi, candidate)
      if (functions.version < oldest) {
        return {
          _tag: "Unsupported",
          feature: `libpq ${functions.version} (${candidate})`,
          problem: "it has no pipeline mode; install libpq 14 or newer"
        }
      }
      loaded.set(candidate, functions)
      return functions
    } catch (cause) {
      problems.push(messageOf(cause))
    }
  }
  return { _tag: "LibraryMissing", tried: candidates, problem: problems.join("; ") }
}

const systemNames = (): ReadonlyArray<string> =>
  process.platform === "darwin"
    ? ["libpq.5.dylib", "/opt/homebrew/opt/libpq/lib/libpq.5.dylib", "/usr/local/opt/libpq/lib/libpq.5.dylib"]
    : process.platform === "win32"
      ? ["libpq.dll"]
      : ["libpq.so.5"]

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const MSG_DONTWAIT = process.platform === "darwin" ? 0x80 : 0x40
const MSG_NOSIGNAL = process.platform === "darwin" ? 0 : 0x4000

/** Throws when the library cannot be loaded, or lacks a function that every version has. */
const declare = (koffi: typeof Koffi, path: string): LibpqFunctions => {
  const library = koffi.load(path, { deep: true })
  const soft = (definition: string): ReturnType<Library["func"]> | undefined => {
    try {
      return library.func(definition)
    } catch {
      return undefined
    }
  }
  const { errno } = koffi
  const recv = library.func("intptr_t recv(int socket, _Out_ void *bytes, size_t length, int flags)")
  const send = library.func("intptr_t send(int socket, const void *bytes, size_t length, int flags)")
  return {
    path,
    version: library.func("int PQlibVersion()")(),

    ...conninfo(koffi, library),
    PQconnectPoll: library.func("int PQconnectPoll(uintptr_t connection)"),
    PQfinish: library.func("void PQfinish(uintptr_t connection)"),
    PQstatus: library.func("int PQstatus(uintptr_t connection)"),
    PQsocket: library.func("int PQsocket(uintptr_t connection)"),
    PQsetErrorVerbosity: library.func("int PQsetErrorVerbosity(uintptr_t connection, int verbosity)"),
    PQerrorMessage: library.func("str PQerrorMessage(uintptr_t connection)"),
    PQparameterStatus: library.func("str PQparameterStatus(uintptr_t connection, str name)"),
    PQserverVersion: library.func("int PQserverVersion(uintptr_t connection)"),
    PQprotocolVersion: library.func("int PQprotocolVersion(uintptr_t connection)"),
    PQbackendPID: library.func("int PQbackendPID(uintptr_t connection)"),
    PQtransactionStatus: library.func("int PQtransactionStatus(uintptr_t connection)"),
    PQsslInUse: library.func("int PQsslInUse(uintptr_t connection)"),
    PQsslAttribute: library.func("str PQsslAttribute(uintptr_t connection, str name)"),
    PQgssEncInUse: soft("int PQgssEncInUse(uintptr_t connection)"),
    PQsetnonblocking: library.func("int PQsetnonblocking(uintptr_t connection, int on)"),

    PQconsumeInput: library.func("int PQconsumeInput(uintptr_t connection)"),
    PQisBusy: library.func("int PQisBusy(uintptr_t connection)"),
    PQflush: library.func("int PQflush(uintptr_t connection)"),
    PQgetResult: library.func("uintptr_t PQgetResult(uintptr_t connection)"),
    PQnotifies: notifies(koffi, library),
    setNoticeReceiver: notices(koffi, library),

    PQsendQuery: library.func("int PQsendQuery(uintptr_t connection, str sql)"),
    ...queries(koffi, library),
    PQenterPipelineMode: library.func("int PQenterPipelineMode(uintptr_t connection)"),
    PQexitPipelineMode: library.func("int PQexitPipelineMode(uintptr_t connection)"),
    PQpipelineSync: library.func("int PQpipelineSync(uintptr_t connection)"),
    PQsendPipelineSync: soft("int PQsendPipelineSync(uintptr_t connection)"),
    PQsetSingleRowMode: library.func("int PQsetSingleRowMode(uintptr_t connection)"),
    PQsetChunkedRowsMode: soft("int PQsetChunkedRowsMode(uintptr_t connection, int size)"),
    PQsendClosePrepared: soft("int PQsendClosePrepared(uintptr_t connection, str name)"),

    PQputCopyData: library.func("int PQputCopyData(uintptr_t connection, const void *bytes, int length)"),
    PQputCopyEnd: library.func("int PQputCopyEnd(uintptr_t connection, str failure)"),
    getCopyData: copyData(library),

    PQresultStatus: library.func("int PQresultStatus(uintptr_t result)"),
    PQresultErrorMessage: library.func("str PQresultErrorMessage(uintptr_t result)"),
    PQresultErrorField: library.func("str PQresultErrorField(uintptr_t result, int field)"),
    PQntuples: library.func("int PQntuples(uintptr_t result)"),
    PQnfields: library.func("int PQnfields(uintptr_t result)"),
    PQfname: library.func("str PQfname(uintptr_t result, int column)"),
    PQftype: library.func("uint32_t PQftype(uintptr_t result, int column)"),
    PQfmod: library.func("int PQfmod(uintptr_t result, int column)"),
    PQftable: library.func("uint32_t PQftable(uintptr_t result, int column)"),
    PQftablecol: library.func("int PQftablecol(uintptr_t result, int column)"),
    PQfformat: library.func("int PQfformat(uintptr_t result, int column)"),
    PQbinaryTuples: library.func("int PQbinaryTuples(uintptr_t result)"),
    PQgetvalue: library.func("uintptr_t PQgetvalue(uintptr_t result, int row, int column)"),
    PQgetlength: library.func("int PQgetlength(uintptr_t result, int row, int column)"),
    PQgetisnull: library.func("int PQgetisnull(uintptr_t result, int row, int column)"),
    PQcmdStatus: library.func("str PQcmdStatus(uintptr_t result)"),
    PQcmdTuples: library.func("str PQcmdTuples(uintptr_t result)"),
    PQclear: library.func("void PQclear(uintptr_t result)"),
    getText: library.func("PQgetvalue", "str", ["uintptr_t", "int", "int"]),
    copyMemory: copyMemory(koffi, library),

    ...cancels(library),

    recv: (socket, bytes) => {
      const count: number = recv(socket, bytes, bytes.byteLength, MSG_DONTWAIT)
      return count < 0 ? -errno() : count
    },
    send: (socket, bytes) => {
      const count: number = send(socket, bytes, bytes.byteLength, MSG_DONTWAIT | MSG_NOSIGNAL)
      return count < 0 ? -errno() : count
    }
  }
}

type Library = ReturnType<typeof Koffi.load>
type Part<Name extends keyof LibpqFunctions> = Pick<LibpqFunctions, Name>

const conninfo = (
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

const notifies = (koffi: typeof Koffi, library: Library): LibpqFunctions["PQnotifies"] => {
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
const notices = (koffi: typeof Koffi, library: Library): LibpqFunctions["setNoticeReceiver"] => {
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

const queries = (
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
const copyMemory = (koffi: typeof Koffi, library: Library): LibpqFunctions["copyMemory"] => {
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

const copyData = (library: Library): LibpqFunctions["getCopyData"] => {
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

const cancels = (library: Library): Part<"cancel" | "PQcancel" | "cancelBlocking"> => {
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
