/**
 * Which descriptors of the operating system are leased in this thread. One account for all handlers that wait for them:
 * a blocking run must not take what the event loop around it holds.
 */
export const systemLeases = new Set<number>()
