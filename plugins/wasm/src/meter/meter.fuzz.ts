// Damages modules without end and watches the meter: a valid one is refused or stays valid, an invalid one never gets in.
//
//   node --conditions=mw-source plugins/wasm/src/meter/meter.fuzz.ts [valid mutants, default 50000] [seed, default random]
//
// Prints how many were valid, metered and refused. On a finding, prints the module in base64, with the seed, and exits with 1.
import { judge, mutant, seeds } from './mutants.test.kit.ts'
import { seeded } from './structured.test.kit.ts'

const wanted = Number(process.argv[2] ?? 50_000)
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31)

const maxCorpus = 2_000
/** Longer than metering a small module takes, unless the machine is busy: then a second look is quicker. */
const slowMs = 100

const random = seeded(seed)
const corpus = seeds(random)
const counts = { invalid: 0, refused: 0, metered: 0 }

function find(bytes: Uint8Array, why: string): never {
  process.stderr.write(`${why}\nseed ${seed}\n${Buffer.from(bytes).toString('base64')}\n`)
  process.exit(1)
}

while (counts.metered + counts.refused < wanted) {
  const bytes = mutant(corpus[Math.floor(random() * corpus.length)] as Uint8Array<ArrayBuffer>, random)
  const startedMs = performance.now()
  try {
    const verdict = judge(bytes)
    counts[verdict]++
    // Valid ones are damaged further, so that they get ever stranger.
    if (verdict === 'metered' && random() < 0.1) corpus[corpus.length < maxCorpus ? corpus.length : Math.floor(random() * maxCorpus)] = bytes
  } catch (thrown) {
    find(bytes, (thrown as Error).message)
  }
  if (performance.now() - startedMs < slowMs) continue
  const againMs = performance.now()
  judge(bytes)
  if (performance.now() - againMs > slowMs) find(bytes, 'it takes too long')
}
process.stdout.write(`seed ${seed}: ${JSON.stringify(counts)}\n`)
