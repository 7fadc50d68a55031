import type { Score, Task } from '../scores.ts'
import { type Board, scoresOf } from './board.ts'
import aider from './aider.json' with { type: 'json' }
import alpacaEval from './alpaca-eval.json' with { type: 'json' }
import arenaHard from './arena-hard.json' with { type: 'json' }
import bigcodebench from './bigcodebench.json' with { type: 'json' }
import euroeval from './euroeval.json' with { type: 'json' }
import evalplus from './evalplus.json' with { type: 'json' }
import livebench from './livebench.json' with { type: 'json' }
import mmluProx from './mmlu-prox.json' with { type: 'json' }
import nejumi from './nejumi.json' with { type: 'json' }
import qwen35Cards from './qwen35-cards.json' with { type: 'json' }
import ruler from './ruler.json' with { type: 'json' }
import vectara from './vectara.json' with { type: 'json' }

/** Every board that was read. A new one is a file beside these and a line here. */
export const boards = [
  aider,
  alpacaEval,
  arenaHard,
  bigcodebench,
  euroeval,
  evalplus,
  livebench,
  mmluProx,
  nejumi,
  qwen35Cards,
  ruler,
  vectara,
] as readonly Board[]

/** Everything published that is built in and speaks of a task. */
export const publishedScores = (task: Task): Score[] =>
  boards.flatMap((board) => scoresOf(board, task))
