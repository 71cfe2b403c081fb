// The command: which words it understands, and how it ends.
import { Command, CommanderError } from 'commander'
import { CommandFailure } from './commands/exit.ts'
import { version } from './version.ts'

function examples(...lines: string[]): string {
  return `Examples:\n${lines.map((line) => `  ${line}\n`).join('')}`
}

function createProgram(): Command {
  const program = new Command('meshwright')
    .description('A service mesh and reverse proxy for Node.js.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .addHelpText('before', examples('meshwright proxy :8080 http://localhost:3000', 'meshwright init', 'meshwright check mesh.yaml', 'meshwright run mesh.yaml'))
    .addHelpText('after', '\nExit codes: 0 all is well, 1 something is wrong, 2 the command was used wrongly.')
  addRun(program)
  addProxy(program)
  addCheck(program)
  addRoutes(program)
  addInit(program)
  addSchema(program)
  addPlugin(program)
  addFilter(program)
  return program
}

const fileArgument = ['[file]', 'configuration: .yaml, .json, .ts or .js (default: mesh.yaml)'] as const

function addRun(program: Command): void {
  program
    .command('run')
    .description('serve a configuration file and follow its changes')
    .argument(...fileArgument)
    .option('--no-watch', 'do not follow changes of the file')
    .addHelpText('before', examples('meshwright run', 'meshwright run mesh.yaml', 'meshwright run mesh.config.ts --no-watch'))
    .action(async (file: string | undefined, options: { watch: boolean }) => endNow((await import('./commands/run.ts')).run(file, options)))
}

function addProxy(program: Command): void {
  program
    .command('proxy')
    .description('forward one address to another, without a file')
    .argument('<listen>', 'where to listen: 8080 for this machine, :8080 for every network, or host:port')
    .argument('<target>', 'where to forward to: http://localhost:3000, localhost:3000 or 3000')
    .option('--admin <address>', 'address of the admin API', '127.0.0.1:9901')
    .option('--no-admin', 'no admin API')
    .addHelpText('before', examples('meshwright proxy :8080 http://localhost:3000', 'meshwright proxy 8080 3000 --no-admin'))
    .action(async (listen: string, target: string, options: { admin: string | false }) => endNow((await import('./commands/proxy.ts')).proxy(listen, target, options)))
}

function addCheck(program: Command): void {
  program
    .command('check')
    .description('say everything that is wrong with a configuration file')
    .argument(...fileArgument)
    .option('--json', 'print the result for programs')
    .addHelpText('before', examples('meshwright check', 'meshwright check mesh.yaml --json'))
    .action(async (file: string | undefined, options: { json?: boolean }) => end((await import('./commands/check.ts')).check(file, options)))
}

function addRoutes(program: Command): void {
  program
    .command('routes')
    .description('list which requests go where, most specific first')
    .argument(...fileArgument)
    .option('--json', 'print the list for programs')
    .addHelpText('before', examples('meshwright routes mesh.yaml', 'meshwright routes mesh.yaml --json'))
    .action(async (file: string | undefined, options: { json?: boolean }) => end((await import('./commands/routes.ts')).routes(file, options)))
}

function addInit(program: Command): void {
  program
    .command('init')
    .description('write a first configuration file')
    .argument('[file]', 'file to write', 'mesh.yaml')
    .option('--force', 'overwrite the file if it exists')
    .addHelpText('before', examples('meshwright init', 'meshwright init gateway.yaml --force'))
    .action(async (file: string, options: { force?: boolean }) => end((await import('./commands/init.ts')).init(file, options)))
}

function addSchema(program: Command): void {
  program
    .command('schema')
    .description('print the JSON Schema of configuration files, for editors')
    .argument('[file]', 'a configuration whose plugins are to be included (default: the usual plugins)')
    .option('--output <file>', 'write it to a file instead')
    .addHelpText('before', examples('meshwright schema', 'meshwright schema mesh.yaml --output mesh.schema.json'))
    .action(async (file: string | undefined, options: { output?: string }) => end((await import('./commands/schema.ts')).schema(file, options)))
}

function addPlugin(program: Command): void {
  const plugin = program.command('plugin').description('work on plugins of your own')
  plugin
    .command('new')
    .description('write the package of a plugin that works, with its tests')
    .argument('<kind>', 'what it answers: filter, balancer, discovery, health, outlier, admission, retry or identity')
    .argument('<name>', 'what configurations call it, as "geo"; the package is meshwright-<kind>-<name>')
    .option('--directory <folder>', 'where to write it (default: a folder of the name of the package)')
    .option('--force', 'write over files that are there')
    .addHelpText('before', examples('meshwright plugin new filter geo', 'meshwright plugin new balancer idlest --directory plugins/idlest'))
    .action(async (kind: string, name: string, options: { directory?: string; force?: boolean }) => end((await import('./commands/plugin-new.ts')).pluginNew(kind, name, options)))
}

const directoryOption = ['--directory <folder>', 'the folder of the filter (default: this one)'] as const
const entryOption = ['--entry <file>', 'the file with the filter (default: assembly/index.ts)'] as const
const outputOption = ['--output <file>', 'the module (default: what package.json exports as ./filter.wasm, else build/<name>.wasm)'] as const

interface FilterPlaces {
  readonly directory?: string
  readonly entry?: string
  readonly output?: string
}

function addFilter(program: Command): void {
  const filter = program
    .command('filter')
    .description('write WASM filters of your own, in AssemblyScript')
    .addHelpText('before', examples('meshwright filter new auth', 'cd auth && npm install', 'meshwright filter test', 'meshwright filter dev'))
  addFilterNew(filter)
  addFilterBuild(filter)
  addFilterDev(filter)
  addFilterTest(filter)
  addFilterInspect(filter)
}

function addFilterNew(filter: Command): void {
  filter
    .command('new')
    .description('write the project of a filter that works, with its test')
    .argument('<name>', 'what it is called, as "auth"; the package is meshwright-wasm-<name>')
    .option('--tcp', 'one for connections of TCP (default: one for requests)')
    .option('--directory <folder>', 'where to write it (default: a folder of that name)')
    .option('--force', 'write over files that are there')
    .addHelpText('before', examples('meshwright filter new auth', 'meshwright filter new gate --tcp', 'meshwright filter new auth --directory filters/auth'))
    .action(async (name: string, options: { directory?: string; force?: boolean; tcp?: boolean }) => end((await import('./commands/filter-new.ts')).filterNew(name, options)))
}

function addFilterBuild(filter: Command): void {
  filter
    .command('build')
    .description('compile a filter to the module that meshes run')
    .option(...directoryOption)
    .option(...entryOption)
    .option(...outputOption)
    .option('--debug', 'keep the names of functions, and write a source map')
    .option('--json', 'print the result for programs')
    .addHelpText('before', examples('meshwright filter build', 'meshwright filter build --debug', 'meshwright filter build --directory filters/auth --json'))
    .action(async (options: FilterPlaces & { debug?: boolean; json?: boolean }) => end((await import('./commands/filter-build.ts')).filterBuild(options)))
}

function addFilterDev(filter: Command): void {
  filter
    .command('dev')
    .description('run a mesh, compile the filter at each change and swap it in while requests go on')
    .argument(...fileArgument)
    .option(...directoryOption)
    .option(...entryOption)
    .option(...outputOption)
    .option('--no-run', 'run no mesh: only compile')
    .addHelpText('before', examples('meshwright filter dev', 'meshwright filter dev ../mesh.yaml', 'meshwright filter dev --no-run'))
    .action(async (file: string | undefined, options: FilterPlaces & { run: boolean }) => endNow((await import('./commands/filter-dev.ts')).filterDev(file, options)))
}

function addFilterTest(filter: Command): void {
  filter
    .command('test')
    .description('compile the filter and run its tests (test/**/*.test.ts) with node --test')
    .argument('[files...]', 'tests to run, and after -- options of node --test')
    .option(...directoryOption)
    .option(...entryOption)
    .option(...outputOption)
    .option('--no-build', 'test the module that is there')
    .addHelpText('before', examples('meshwright filter test', 'meshwright filter test test/auth.test.ts', 'meshwright filter test -- --watch'))
    .action(async (files: string[], options: FilterPlaces & { build: boolean }) => end((await import('./commands/filter-test.ts')).filterTest(files, options)))
}

function addFilterInspect(filter: Command): void {
  filter
    .command('inspect')
    .description('say what a module is, what it asks of a mesh, and what it costs')
    .argument('<file.wasm>', 'a module in any language that speaks proxy-wasm')
    .option('--no-run', 'do not run it')
    .option('--configuration <text>', 'what it is configured with while it runs')
    .option('--root-id <id>', 'which of the plugins in it to run')
    .option('--json', 'print the result for programs')
    .addHelpText('before', examples('meshwright filter inspect build/auth.wasm', `meshwright filter inspect auth.wasm --configuration '{"key":"abc"}' --json`))
    .action(async (file: string, options: { json?: boolean; run: boolean; configuration?: string; rootId?: string }) => end((await import('./commands/filter-inspect.ts')).filterInspect(file, options)))
}

async function end(exitCode: Promise<number>): Promise<void> {
  process.exitCode = await exitCode
}

/** A mesh that was cut leaves connections that would keep the process alive. */
async function endNow(exitCode: Promise<number>): Promise<void> {
  process.exit(await exitCode)
}

/** What commander throws for help and version is no failure; everything else it throws is wrong usage. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  // By its name: importing the core for its class would double the time that --help takes.
  const isExplained = error instanceof CommandFailure || (error instanceof Error && error.name === 'MeshError')
  if (isExplained) console.error(`meshwright: ${error.message}`)
  else console.error('meshwright: this is a mistake of Meshwright itself:', error)
  return error instanceof CommandFailure ? error.exitCode : 1
}

/**
 * Runs one command to its end, and leaves its exit code in `process.exitCode`; one that serves ends the process by itself.
 * @param args what comes after the name of the command
 */
export async function runProgram(args: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(args, { from: 'user' })
  } catch (error) {
    process.exitCode = exitCodeOf(error)
  }
}
