// SPDX-License-Identifier: GPL-2.0-only
/** What insmod is given, checked before anything is loaded. */
import type { DriverModule } from '../kernel/module.js';
import type { Insmod } from '../machine/registry.js';
import { UsageError } from '../sim/errors.js';
import { didYouMean } from '../sim/suggest.js';
import { DRIVER_INTERFACE, type OutsideDriver } from './driver.js';

/** Throws UsageError for what defineDriver() has not made, and for a driver of another version of the interface. */
export function checkDriver(driver: unknown, where: string): asserts driver is OutsideDriver {
  const found = typeof driver === 'object' && driver !== null ? (driver as Partial<OutsideDriver>) : {};
  if (found.outside !== true || typeof found.module?.load !== 'function') {
    throw new UsageError('expected a driver, as defineDriver() of hmm-sim/driver makes one', where);
  }
  const { name, unload } = found.module;
  if (typeof name !== 'string' || typeof unload !== 'function' || !Array.isArray(found.module.parameters)) {
    throw new UsageError('expected a driver with name, parameters, load and unload', where);
  }
  if (found.interface === DRIVER_INTERFACE) return;
  const versions = `version ${String(found.interface)} of hmm-sim/driver, and this is version ${DRIVER_INTERFACE}`;
  throw new UsageError(`${name} is written for ${versions}`, where);
}

/** Numbers are as good as what modprobe takes. Throws UsageError for what the module does not know. */
export function paramsOf(
  { name, parameters }: Pick<DriverModule, 'name' | 'parameters'>,
  params: Readonly<Record<string, string | number>>,
  where: string,
): Readonly<Record<string, string>> {
  const known = parameters.map((parameter) => parameter.name);
  const entries = Object.entries(params).map(([key, value]) => {
    if (!known.includes(key)) {
      throw new UsageError(`${name} has no parameter "${key}"${didYouMean(key, known)}`, where);
    }
    if (!Number.isSafeInteger(Number(value)) || value === '') {
      throw new UsageError(`${JSON.stringify(value)} is not a number`, key);
    }
    return [key, typeof value === 'number' ? `0x${value.toString(16)}` : value];
  });
  return Object.fromEntries(entries);
}

/** A driver, and what it is loaded with. Throws UsageError. */
export function insmodOf(driver: unknown, params: Readonly<Record<string, string>>, where: string): Insmod {
  checkDriver(driver, where);
  return { driver, params: paramsOf(driver.module, params, where) };
}
