/** `complete` answers a line per candidate, its description behind a tab; this line alone asks for names of files. */
export const FILES = ':files';

const bash = `# bash completion for tributary
_tributary() {
  local value rest
  COMPREPLY=()
  while IFS=$'\\t' read -r value rest; do
    if [[ $value == ${FILES} ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
      return
    fi
    COMPREPLY+=("$value")
  done < <(tributary complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _tributary tributary`;

const zsh = `#compdef tributary
_tributary() {
  local line
  local -a found
  for line in "\${(@f)$(tributary complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == ${FILES} ]]; then
      _files
      return
    fi
    [[ -n $line ]] && found+=("\${\${line//:/\\\\:}/$'\\t'/:}")
  done
  _describe -t tributary tributary found
}
if [[ \${funcstack[1]} == _tributary ]]; then
  _tributary "$@"
else
  compdef _tributary tributary
fi`;

const fish = `# fish completion for tributary
function __tributary
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    for line in (tributary complete -- $words[2..-1] "$typed" 2>/dev/null)
        if test "$line" = ${FILES}
            __fish_complete_path "$typed"
        else
            echo $line
        end
    end
end
complete -c tributary -f -a '(__tributary)'`;

/** Small scripts: all that there is to know comes from the command itself, so that they never get old. */
export const SCRIPTS = { bash, zsh, fish } as const;

export type Shell = keyof typeof SCRIPTS;
