/**
 * The numbers of a virtual world and what is open under them.
 */
import type { OpenFile } from "./OpenFile.ts"

/**
 * No number of the operating system is as large (Linux ends at 2 to the 30th), so a virtual number that gets into a
 * real system call fails there, in place of reading from, or closing, what the process has open under it.
 */
const lowest = 2_000_000_000

export class DescriptorTable {
  readonly #files = new Map<number, OpenFile>()
  /** No number below this one is free. */
  #free = lowest

  /** Opens the file under the lowest free number. */
  open(file: OpenFile): number {
    while (this.#files.has(this.#free)) this.#free++
    file.fd = this.#free++
    this.#files.set(file.fd, file)
    return file.fd
  }

  get(fd: number): OpenFile | undefined {
    return this.#files.get(fd)
  }

  close(file: OpenFile): void {
    this.#files.delete(file.fd)
    if (file.fd < this.#free) this.#free = file.fd
    file.close()
  }

  closeAll(): void {
    for (const file of this.#files.values()) this.close(file)
  }
}
