/**
 * Byte streams over descriptors, made of leases and `FdIo` only, so they run wherever those do.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type * as Fd from "./Fd.ts"
import { FdIo, WouldBlock } from "./FdIo.ts"
import type { Lease, LeaseOptions } from "./Lease.ts"
import { WaitFd } from "./WaitFd.ts"

/**
 * How chunks are made.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChunkOptions {
  /** How many bytes a chunk has at most: 65536, the capacity of a Linux pipe, unless said. */
  readonly chunkSize?: number
  /**
   * Whose the memory of a chunk is: the consumer's to keep (`"given"`, the default), or the consumer's until it asks for
   * the next one (`"lent"`), who then finds a chunk that it has kept empty. Lending spares most of the cost of a stream
   * in bulk, which is fresh memory. It is for consumers that are done with a chunk when they ask for more, as a fold or
   * a sink is, and not for those that collect or read ahead, as `Stream.runCollect` and `Stream.buffer`.
   */
  readonly chunks?: "given" | "lent"
}

/**
 * How a descriptor is read: as it is leased, and in which chunks.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReadOptions extends LeaseOptions, ChunkOptions {}

const defaultChunkSize = 65536

/**
 * The bytes of a descriptor, until its end. It is leased while the stream runs: closed at the end, on failure and on
 * interruption, unless `onRelease: "keep"`. Reads only when the consumer asks.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = (fd: Fd.FdLike, options?: ReadOptions): Stream.Stream<Uint8Array, Fd.FdError, WaitFd | FdIo> =>
  Stream.unwrap(Effect.map(WaitFd.lease(fd, options), (lease) => readLease(lease, options)))

/**
 * The bytes of a descriptor that is leased already, until its end. The lease stays with its holder.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readLease = (lease: Lease, options?: ChunkOptions): Stream.Stream<Uint8Array, Fd.FdError, FdIo> =>
  Stream.fromPull(FdIo.useSync((io) => pull(io, lease, options ?? {})))

/**
 * Writes every chunk to a descriptor, in order, waiting while it is full. It is leased while the sink runs, and then
 * closed, unless `onRelease: "keep"`. Interruption may leave the last chunk written in part.
 *
 * @category constructors
 * @since 0.1.0
 */
export const write = (
  fd: Fd.FdLike,
  options?: LeaseOptions
): Sink.Sink<void, Uint8Array, never, Fd.FdError, WaitFd | FdIo> =>
  Sink.unwrap(Effect.map(WaitFd.lease(fd, options), writeLease))

/**
 * Writes every chunk to a descriptor that is leased already. The lease stays with its holder.
 *
 * @category constructors
 * @since 0.1.0
 */
export const writeLease = (lease: Lease): Sink.Sink<void, Uint8Array, never, Fd.FdError, FdIo> =>
  Sink.forEach((bytes: Uint8Array) => writeAll(lease, bytes))

/**
 * Writes all the bytes to a leased descriptor, waiting while it is full.
 *
 * @category operations
 * @since 0.1.0
 */
export const writeAll = (lease: Lease, bytes: Uint8Array): Effect.Effect<void, Fd.FdError, FdIo> =>
  FdIo.use((io) => {
    const from = (offset: number): Effect.Effect<void, Fd.FdError> =>
      offset === bytes.byteLength
        ? Effect.void
        : Effect.flatMap(io.write(lease.fd, bytes.subarray(offset)), (count) =>
            count === WouldBlock ? Effect.flatMap(lease.wait("write"), () => from(offset)) : from(offset + count)
          )
    return from(0)
  })

/**
 * Tries first after a full read, when more is likely there, and waits first after a short one, which has most likely
 * emptied the descriptor: a failing read costs about as much as a wait.
 */
const pull = (
  io: FdIo["Service"],
  lease: Lease,
  { chunkSize = defaultChunkSize, chunks = "given" }: ChunkOptions
): Effect.Effect<NonEmptyReadonlyArray<Uint8Array>, Fd.FdError | Cause.Done> => {
  let emptied = false
  let lent = false
  let bytes = allocate(chunkSize)

  const take = (
    count: number | WouldBlock
  ): Effect.Effect<NonEmptyReadonlyArray<Uint8Array>, Fd.FdError | Cause.Done> => {
    if (count === WouldBlock) return waitFirst
    if (count === 0) return Cause.done()
    emptied = count < chunkSize
    if (chunks === "given" && count < chunkSize / 2) return Effect.succeed([bytes.slice(0, count)])
    const chunk = count === chunkSize ? bytes : bytes.subarray(0, count)
    if (chunks === "given") bytes = allocate(chunkSize)
    else lent = true
    return Effect.succeed([chunk])
  }
  const attempt = Effect.suspend(() => Effect.flatMap(io.read(lease.fd, bytes), take))
  const waitFirst = Effect.flatMap(lease.wait("read"), () => attempt)
  return Effect.suspend(() => {
    if (lent) {
      // Detaches the chunk: overwriting it would be worse.
      bytes = new Uint8Array(bytes.buffer.transfer())
      lent = false
    }
    return emptied ? waitFirst : attempt
  })
}

/** Not cleared: only what was read is handed out. And not a `Buffer`, whose `slice` does not copy. */
const allocate = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
