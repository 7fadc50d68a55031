import { defineCommand, usageError } from '../command.ts'

/**
 * Each shell asks `baleen __complete WORDS…` and shows the answer: one word a line, and a last line `:files` where file
 * names fit as well. So there is one set of rules, and it always fits the version.
 */
const scripts: Record<string, string> = {
  // Never `compgen -W`: it runs what it finds in its words, and a key may be named $(anything).
  bash: `_baleen() {
  local word words=() files=no
  while IFS= read -r word; do
    if [[ $word == :files ]]; then files=yes; else words+=("$word"); fi
  done < <(baleen __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=()
  if [[ $files == yes ]]; then
    compopt -o filenames
    COMPREPLY=("\${words[@]}")
    while IFS= read -r word; do
      COMPREPLY+=("$word")
    done < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
  elif (( \${#words[@]} > 0 )); then
    while IFS= read -r word; do
      COMPREPLY+=("$word")
    done < <(printf '%q\\n' "\${words[@]}")
  fi
}
complete -F _baleen baleen`,
  zsh: `#compdef baleen
_baleen() {
  local -a answer
  answer=("\${(@f)$(baleen __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${answer[(Ie):files]} )); then
    answer=("\${(@)answer:#:files}")
    _files
  fi
  compadd -- "\${(@)answer:#}"
}
compdef _baleen baleen`,
  fish: `function __baleen_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l answer (baleen __complete $words[2..] 2>/dev/null)
    for word in $answer
        if test "$word" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $word
        end
    end
end
complete -c baleen -f -a '(__baleen_complete)'`,
}

export const completion = defineCommand({
  name: 'completion',
  summary: 'Print the completion script of a shell',
  examples: [
    'completion bash > ~/.local/share/bash-completion/completions/baleen',
    'completion zsh > ~/.zfunc/_baleen',
    'completion fish > ~/.config/fish/completions/baleen.fish',
  ],
  positionals: [{ name: 'shell', summary: 'bash, zsh or fish', completes: 'shell' }],
  flags: {},
  async run({ positionals, output }) {
    const script = scripts[positionals.shell]
    if (script === undefined)
      throw usageError(
        `there is no completion for "${positionals.shell}"`,
        'There are bash, zsh and fish.',
      )
    output.line(script)
  },
})
