/**
 * A request whose answer is for nobody: it keeps order on the server.
 */
import type { Exchange } from "./Driver.ts"

export class Unowned implements Exchange {
  readonly request: Exchange["request"]
  readonly paused = false
  readonly onEnd: () => void

  constructor(request: Exchange["request"], onEnd: () => void = () => {}) {
    this.request = request
    this.onEnd = onEnd
  }

  onRows(): void {}
  onCopy(): void {}
  onCopyData(): void {}
  onComplete(): void {}
  onError(): void {}
}
