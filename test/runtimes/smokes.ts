/** What is tried of each package. */
type Smoke = Readonly<Record<string, () => Promise<unknown>>>

export const smokes = {
  "green-core": () => import("../../packages/green-core/test/runtimes/smoke.ts"),
  "green-task": () => import("../../packages/green-task/test/runtimes/smoke.ts"),
  "green-pool": () => import("../../packages/green-pool/test/runtimes/smoke.ts"),
  "green-http": () => import("../../packages/green-http/test/runtimes/smoke.ts"),
  "green-pg": () => import("../../packages/green-pg/test/runtimes/smoke.ts"),
  "green-blocking": () => import("../../packages/green-blocking/test/runtimes/smoke.ts")
} satisfies Readonly<Record<string, () => Promise<{ readonly smoke: Smoke }>>>

export type Smoked = keyof typeof smokes

export const isSmoked = (name: string): name is Smoked => name in smokes
