// SPDX-License-Identifier: GPL-2.0-only
/** Every behaviour shows: its witness goes as expected on the kernel as it is, and notices when this alone is otherwise. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import type { Entry, Witness } from '../../src/generations/behaviours/entry.js';
import { type BehaviourName, behaviourNames, registry } from '../../src/generations/behaviours/index.js';
import { withBehaviours } from '../../src/generations/differences.js';
import { RECORDING_CONDITIONS } from '../../src/machine/defaults.js';
import { describeMachine, type MachineDescription } from '../../src/machine/description.js';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { type LoadedDocument, load } from '../../src/scenario/load.js';
import { bootMachine, MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { programs } from './programs.js';

const entries: Readonly<Record<BehaviourName, Entry>> = registry;

/** The machine with one behaviour the other way round. */
function flipped(setup: MachineDescription, name: BehaviourName): MachineDescription {
  const { generation } = setup;
  const entry = entries[name];
  const value = generation.behaviours[name];
  const other = 'values' in entry ? entry.values.find((one) => one !== value) : !value;
  return { ...setup, generation: withBehaviours(generation, { [name]: other }) };
}

/** A run on a machine. It gives what is not as expected, or undefined. */
interface Trial {
  readonly setup: MachineDescription;
  readonly run: (setup: MachineDescription) => string | undefined;
}

function only({ documents, mistakes }: ReturnType<typeof load>): LoadedDocument {
  const [mistake] = mistakes;
  if (mistake !== undefined) throw new Error(`${mistake.where}: ${mistake.message}`);
  return documents[0]!;
}

function recorded(kernel: string, name: string): LoadedDocument {
  const file = `test/golden/${kernel}/${name.split('-', 1)[0]}.jsonl.gz`;
  const lines = gunzipSync(readFileSync(file)).toString().split('\n');
  const line = lines.find((text) => text.startsWith(`{"name":"${name}"`));
  if (line === undefined) throw new Error(`${file} has no ${name}`);
  return only(load(line, file, 'jsonl'));
}

function written(scenario: string): LoadedDocument {
  const file = `test/${scenario}.yaml`;
  return only(load(readFileSync(file, 'utf8'), file, 'yaml'));
}

function trialOf(witness: Witness): Trial {
  const { kernel } = witness;
  if ('program' in witness) {
    const { run, expected } = programs[witness.program]!;
    return {
      setup: describeMachine({ ...RECORDING_CONDITIONS, kernel }),
      run(setup) {
        const actual = run(bootMachine(setup));
        return actual === expected ? undefined : `expected ${expected}, got ${actual}`;
      },
    };
  }
  const place = 'recording' in witness ? recorded(kernel, witness.recording) : written(witness.scenario);
  return {
    setup: new Setups({ kernel, check: true }).of(place.document),
    run: (setup) => failureOf(place, runOn(new MachinePool(), setup, place.document))?.differs,
  };
}

for (const name of behaviourNames) {
  const { witness } = entries[name];
  if (witness === undefined) continue;
  t.test(name, async (t) => {
    const { setup, run } = trialOf(witness);
    t.equal(run(setup), undefined, 'the kernel as it is');
    const differs = run(flipped(setup, name));
    t.type(differs, 'string', 'the other way round');
    t.comment(differs);
  });
}

t.test('what nothing shows', async (t) => {
  const unproven = behaviourNames.filter((name) => entries[name].witness === undefined);
  t.strictSame(unproven, []);
});

t.test('every program witnesses something', async (t) => {
  const used = behaviourNames.flatMap((name) => {
    const { witness } = entries[name];
    return witness !== undefined && 'program' in witness ? [witness.program] : [];
  });
  t.strictSame([...new Set(used)].sort(), Object.keys(programs).sort());
});
