/**
 * libpq by koffi: finds the library, loads it, and declares its functions. Called by `Libpq.layer` only.
 */
import type * as Koffi from "koffi"
import { createRequire } from "node:module"
import type { LibpqFunctions } from "../../Libpq.ts"
import type { PgErrorReason } from "../../PgError.ts"
import { messageOf } from "../failures.ts"
import { cancels, conninfo, copyData, copyMemory, type Library, notices, notifies, queries } from "./bindings.ts"

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
    PQbackendPID: library.func("int PQbackendPID(uintptr_t connection)"),
    PQtransactionStatus: library.func("int PQtransactionStatus(uintptr_t connection)"),
    PQsslInUse: library.func("int PQsslInUse(uintptr_t connection)"),
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
