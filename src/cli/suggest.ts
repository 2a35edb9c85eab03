// SPDX-License-Identifier: GPL-2.0-only
/** "Did you mean", for the command line. */
export { didYouMean, editDistance, nearest } from '../sim/suggest.js';
