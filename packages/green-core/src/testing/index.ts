/**
 * For tests: the laws of every handler.
 *
 * @since 0.1.0
 */
export { fdIoLaws } from "./FdIoLaws.ts"
export { type Endpoint, type Fixtures, fixtures, systemFixtures } from "./Fixtures.ts"
export { type Capability, type Law, type Subject, turnsOfTheLoop } from "./Law.ts"
export { type Peer, VirtualFds, type VirtualSocket } from "./VirtualFds.ts"
export { type WaitFdSubject, waitFdLaws } from "./WaitFdLaws.ts"
export { waitLaws } from "./WaitLaws.ts"
