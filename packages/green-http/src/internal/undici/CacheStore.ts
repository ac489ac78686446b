/**
 * Where responses are kept: a store of undici's, or one like it, that is safe to be used. One that fails or is closed has
 * nothing: undici calls stores from listeners, where an error would end the process.
 */
import { cacheStores, type interceptors } from "./undici.ts"

/**
 * A store as undici's cache interceptor takes it.
 *
 * @category models
 * @since 0.1.0
 */
export type CacheStore = NonNullable<NonNullable<Parameters<typeof interceptors.cache>[0]>["store"]>

export type Key = Parameters<CacheStore["get"]>[0]
type Value = Parameters<CacheStore["createWriteStream"]>[1]

export interface MemoryOptions {
  /** In bytes: 100 MiB unless said. When it is full, those that were not used for the longest time go. */
  readonly maxSize?: number
  /** How many responses: 1024 unless said. */
  readonly maxCount?: number
  /** In bytes: 5 MiB unless said. A longer response is not kept. */
  readonly maxEntrySize?: number
}

export interface FileOptions {
  /** The path of an SQLite database; made if it is not there. Processes may share it. */
  readonly file: string
  /** How many responses: 1024 unless said. The oldest ones go. */
  readonly maxCount?: number
  /** In bytes: 5 MiB unless said. A longer response is not kept. */
  readonly maxEntrySize?: number
}

const mostBytes = 5 * 1024 * 1024
const mostEntries = 1024

export class SafeStore implements CacheStore {
  readonly #store: CacheStore
  readonly #close: (() => void) | undefined

  constructor(store: MemoryOptions | FileOptions | CacheStore) {
    if ("createWriteStream" in store) this.#store = store
    else if ("file" in store) {
      const { file, maxCount = mostEntries, maxEntrySize = mostBytes } = store
      const opened = new cacheStores.SqliteCacheStore({ location: file, maxCount, maxEntrySize })
      this.#store = opened
      this.#close = () => opened.close()
    } else {
      const { maxCount = mostEntries, maxEntrySize = mostBytes, maxSize = 100 * 1024 * 1024 } = store
      this.#store = new cacheStores.MemoryCacheStore({ maxCount, maxEntrySize, maxSize })
    }
  }

  get(key: Key): ReturnType<CacheStore["get"]> {
    // For every request: without a closure.
    try {
      const found = this.#store.get(key)
      return found instanceof Promise ? found.catch(() => undefined) : found
    } catch {
      return undefined
    }
  }

  /** Cookies are set by the response that came, and not again by what is stored of it. */
  createWriteStream(key: Key, value: Value): ReturnType<CacheStore["createWriteStream"]> {
    const { "set-cookie": _, ...headers } = value.headers
    return attempt(() => this.#store.createWriteStream(key, { ...value, headers }))
  }

  delete(key: Key): void {
    const deleted = attempt(() => this.#store.delete(key))
    if (deleted instanceof Promise) deleted.catch(() => undefined)
  }

  /** Closes what was opened here, and nothing of somebody else's. */
  close(): void {
    this.#close?.()
  }
}

const attempt = <A>(f: () => A): A | undefined => {
  try {
    return f()
  } catch {
    return undefined
  }
}
