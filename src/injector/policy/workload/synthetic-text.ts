import { createRandom } from '../../../core/random.ts'
import { streamSeed } from '../statistics/draw.ts'

/**
 * Text of about `tokens` tokens that no other name gives. The words are so common that nearly every vocabulary of
 * 30,000 or more holds each, with its leading blank, as one token; `wordsPerToken` corrects for those that do not.
 */
export function syntheticText(
  seed: number,
  name: string,
  tokens: number,
  wordsPerToken = 1,
): string {
  const random = createRandom(streamSeed(seed, name))
  const count = Math.max(0, Math.round(tokens * wordsPerToken))
  let text = ''
  for (let index = 0; index < count; index++)
    text += ` ${words[Math.floor(random() * words.length)]!}`
  return text
}

const words = (
  'the of and to in is that for it as was with be by on not he this are or his from at which but have an had they you ' +
  'were their one all we can her has there been if more when will would who so no out up into do any your what than ' +
  'some its about other time my could only two may then such these like me first over very even how made new most now ' +
  'many after way people through work year back where good because those here long just see must well part life before ' +
  'great same world still own last never under while might both between right old each public house another place ' +
  'small found few home state again against school water large number line night system better head open city area ' +
  'company group hand high problem case point power market study level idea book word business issue side kind four ' +
  'body family today service friend door job force field car air age food table record game result change policy'
).split(' ')
