/**
 * How figures are taken: the sides of a comparison run in alternating rounds, and medians are compared.
 *
 * Others load the machine too, but both sides of a round alike: so what is judged is the median, over the rounds, of
 * the ratio within each.
 */

/** How long to measure: `rounds` of `count(full)` operations each, after `warmUps` that do not count. */
export interface Scale {
  readonly warmUps: number
  readonly rounds: number
  readonly count: (full: number) => number
}

/** One side of a comparison. */
export interface Side<A = number> {
  readonly name: string
  /** Measures once: the figure, in the unit of the comparison, or all that was measured. */
  readonly round: () => Promise<A>
}

/** A median, and between what it lies. */
export interface Figure {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** What a figure has to be, and what is aimed at. */
export interface Target {
  readonly relation: "<=" | ">="
  readonly must: number
  readonly aim?: number
}

/** A line of the table. Without a figure it could not be taken, and `against` says why; without a target it is only told. */
export interface Row {
  readonly measure: string
  readonly ours: string
  readonly against: string
  readonly unit: string
  readonly figure?: Figure
  readonly target?: Target
}

/** What is measured together, in a process of its own. */
export type Measure = (scale: Scale) => Promise<ReadonlyArray<Row>>

/** Runs the sides in turn, each round in another order: the figures of a side. */
export const alternate = async <A = number>(
  scale: Scale,
  sides: ReadonlyArray<Side<A>>
): Promise<(side: Side<A>) => ReadonlyArray<A>> => {
  const figures = new Map(sides.map((side): [Side<A>, Array<A>] => [side, []]))
  for (let round = -scale.warmUps; round < scale.rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const side = sides[(turn + round + scale.warmUps) % sides.length]
      if (side === undefined) continue
      const figure = await side.round()
      if (round >= 0) figures.get(side)?.push(figure)
    }
  }
  return (side) => figures.get(side) ?? []
}

/** A side whose figure is the CPU time of this process, helper threads included, per operation, in microseconds. */
export const cpuSide = (name: string, operations: number, run: () => Promise<unknown>): Side => ({
  name,
  round: async () => {
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / operations
  }
})

/** The middle of the figures, and their extremes. */
export const summary = (figures: ReadonlyArray<number>): Figure => {
  const sorted = figures.toSorted((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  const at = (index: number): number => sorted[index] ?? Number.NaN
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    least: at(0),
    most: at(sorted.length - 1)
  }
}

/** The row of two sides of one comparison: the ratio of ours to the other. */
export const ratioRow = <S extends { readonly name: string }>(options: {
  readonly measure: string
  readonly ours: S
  readonly against: S
  readonly figures: (side: S) => ReadonlyArray<number>
  readonly unit: string
  readonly target?: Target
}): Row => {
  const { against, figures, measure, ours, target, unit } = options
  const others = figures(against)
  const show = (side: S): string => `${digits(summary(figures(side)).median)} ${unit}`
  return {
    measure,
    ours: show(ours),
    against: `${against.name}: ${show(against)}`,
    unit: "x",
    figure: summary(figures(ours).map((figure, round) => figure / (others[round] ?? Number.NaN))),
    ...(target === undefined ? {} : { target })
  }
}

/** The table of the rows. */
export const table = (rows: ReadonlyArray<Row>): string => {
  const lines = [
    ["measure", "ours", "against", "figure", "least–most", "must", "aim", "verdict"],
    ...rows.map(({ against, figure, measure, ours, target, unit }) => [
      measure,
      ours,
      against,
      figure === undefined ? "–" : `${digits(figure.median)}${unit}`,
      figure === undefined ? "–" : `${digits(figure.least)}–${digits(figure.most)}`,
      target === undefined ? "–" : `${target.relation} ${target.must}${unit}`,
      target?.aim === undefined ? "–" : `${target.relation} ${target.aim}${unit}`,
      verdict(figure, target)
    ])
  ]
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? []
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

const verdict = (figure: Figure | undefined, target: Target | undefined): string => {
  if (figure === undefined) return "not measured"
  if (target === undefined) return "told"
  const reaches = (bound: number): boolean =>
    target.relation === "<=" ? figure.median <= bound : figure.median >= bound
  if (!reaches(target.must)) return "MISS"
  return target.aim === undefined || reaches(target.aim) ? "PASS" : "PASS, misses the aim"
}

const digits = (number: number): string =>
  Math.abs(number) >= 100 ? number.toFixed(0) : Math.abs(number) >= 10 ? number.toFixed(1) : number.toFixed(2)
