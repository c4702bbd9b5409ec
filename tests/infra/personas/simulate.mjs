// What policies allow: a list of simulations in on stdin, as JSON, and a list of results out.
// The folder with the simulator in it is the one argument.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

const { runSimulation } = createRequire(join(process.argv[2], 'package.json'))('@cloud-copilot/iam-simulate')

const answers = []
for (const simulation of JSON.parse(await text(process.stdin))) {
  const found = await runSimulation(simulation, {})
  const result = found.resultType === 'single' ? found.result : found.results?.[0]
  answers.push({
    result: found.overallResult ?? null,
    errors: found.errors ?? null,
    ignored: result?.ignoredContextKeys ?? [],
  })
}
process.stdout.write(JSON.stringify(answers))
