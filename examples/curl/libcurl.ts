/**
 * The functions of libcurl that the example calls, by FFI. Names and numbers are those of `curl/curl.h` and
 * `curl/multi.h`; nothing here waits, and nothing knows of Effect.
 */
import koffi from "koffi"

/** A pointer that belongs to libcurl. */
export type Handle = bigint

export const OK = 0
export const CURL_GLOBAL_DEFAULT = 3

export const CURLOPT_WRITEDATA = 10001
export const CURLOPT_URL = 10002
export const CURLOPT_NOPROXY = 10177
export const CURLOPT_WRITEFUNCTION = 20011
export const CURLOPT_NOSIGNAL = 99
export const CURLOPT_TIMEOUT_MS = 155
export const CURLMOPT_SOCKETFUNCTION = 20001
export const CURLMOPT_TIMERFUNCTION = 20004
const CURLINFO_RESPONSE_CODE = 0x200002
const CURLMSG_DONE = 1

export const CURL_SOCKET_TIMEOUT = -1
export const CURL_POLL_REMOVE = 4
export const CURL_CSELECT_IN = 1
export const CURL_CSELECT_OUT = 2
export const CURL_CSELECT_ERR = 4

const socketFunction = koffi.proto("int", ["void *", "int", "int", "void *", "void *"])
const timerFunction = koffi.proto("int", ["void *", "long", "void *"])
const writeFunction = koffi.proto("size_t", ["void *", "size_t", "size_t", "void *"])
const message = koffi.struct({ msg: "int", easy: "void *", result: "int", more: "int" })

/** `undefined` where libcurl is not installed. */
export const load = () => {
  const library = open()
  if (library === undefined) return undefined
  const easySetopt = library.func("int curl_easy_setopt(void *easy, int option, ...)")
  const multiSetopt = library.func("int curl_multi_setopt(void *multi, int option, ...)")
  const getinfo = library.func("int curl_easy_getinfo(void *easy, int info, ...)")
  const infoRead = library.func("void *curl_multi_info_read(void *multi, void *left)")
  const socketAction = library.func("int curl_multi_socket_action(void *multi, int fd, int events, void *running)")
  const easyError = library.func("const char *curl_easy_strerror(int code)")
  const multiError = library.func("const char *curl_multi_strerror(int code)")
  const globalInit: (flags: number) => number = library.func("int curl_global_init(long flags)")
  const multiInit: () => Handle | null = library.func("void *curl_multi_init(void)")
  const multiCleanup: (multi: Handle) => number = library.func("int curl_multi_cleanup(void *multi)")
  const addHandle: (multi: Handle, easy: Handle) => number = library.func(
    "int curl_multi_add_handle(void *multi, void *easy)"
  )
  const removeHandle: (multi: Handle, easy: Handle) => number = library.func(
    "int curl_multi_remove_handle(void *multi, void *easy)"
  )
  const easyInit: () => Handle | null = library.func("void *curl_easy_init(void)")
  const easyCleanup: (easy: Handle) => void = library.func("void curl_easy_cleanup(void *easy)")
  const ignored = new Int32Array(1)
  const answer = new BigInt64Array(1)

  return {
    globalInit,
    multiInit,
    multiCleanup,
    addHandle,
    removeHandle,
    easyInit,
    easyCleanup,
    easyError: (code: number): string => easyError(code),
    multiError: (code: number): string => multiError(code),
    socketAction: (multi: Handle, fd: number, events: number): number => socketAction(multi, fd, events, ignored),
    setString: (easy: Handle, option: number, value: string): number => easySetopt(easy, option, "const char *", value),
    setNumber: (easy: Handle, option: number, value: number): number => easySetopt(easy, option, "long", value),
    setPointer: (easy: Handle, option: number, value: Handle): number => easySetopt(easy, option, "void *", value),
    setMultiPointer: (multi: Handle, option: number, value: Handle): number =>
      multiSetopt(multi, option, "void *", value),
    responseCode: (easy: Handle): number => {
      getinfo(easy, CURLINFO_RESPONSE_CODE, "void *", answer)
      return Number(answer[0])
    },
    /** The next transfer that is over, and its `CURLcode`. */
    nextDone: (multi: Handle): { readonly easy: Handle; readonly result: number } | undefined => {
      const pointer: Handle | null = infoRead(multi, ignored)
      if (pointer === null) return undefined
      const { easy, msg, result } = koffi.decode(pointer, message)
      return msg === CURLMSG_DONE ? { easy, result } : undefined
    }
  }
}

export type Libcurl = NonNullable<ReturnType<typeof load>>

/** In Node's address space, OpenSSL is Node's own: without `deep`, libcurl would call that one. */
const open = () => {
  for (const name of ["libcurl.so.4", "libcurl-gnutls.so.4"]) {
    try {
      return koffi.load(name, { deep: true })
    } catch {
      continue
    }
  }
  return undefined
}

/** Functions of ours that libcurl calls. They must not throw, and must not call libcurl. */
export const callbacks = (functions: {
  readonly socket: (fd: number, what: number) => void
  /** `milliseconds` is -1 when there is nothing to wait for. */
  readonly timer: (milliseconds: number) => void
  readonly write: (easy: Handle, bytes: Uint8Array) => void
}) => {
  const socket = koffi.register((_easy: Handle, fd: number, what: number) => {
    functions.socket(fd, what)
    return OK
  }, koffi.pointer(socketFunction))
  const timer = koffi.register((_multi: Handle, milliseconds: number) => {
    functions.timer(milliseconds)
    return OK
  }, koffi.pointer(timerFunction))
  const write = koffi.register((bytes: Handle, size: number, count: number, easy: Handle) => {
    const length = size * count
    if (length > 0) functions.write(easy, koffi.decode(bytes, "uint8_t", length))
    return length
  }, koffi.pointer(writeFunction))
  return {
    socket,
    timer,
    write,
    /** Only when libcurl can call them no more. */
    unregister: () => {
      for (const callback of [socket, timer, write]) koffi.unregister(callback)
    }
  }
}
