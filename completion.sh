#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# completion.sh - make shell completions from what --help prints
#
# Usage: pasta --help | completion.sh bash|zsh|fish
#
# What kind of value an option takes follows from how --help names it: PATH and FILE are
# completed as files, IFNAME as network interfaces, USER as users, SPEC with its
# words; nothing is offered for the rest.

set -eu
LC_ALL=C
export LC_ALL

# Lines of --help to rows: "who, key, name, value, help", separated by tabs; empty is "-"
rows()
{
	awk '
	function put()
	{
		if (name)
			print who "\t" key "\t" name "\t" value "\t" help
		name = ""
	}
	/^Options/ {
		put()
		who = $2 == "of" ? $3 : "both"
		next
	}
	/^  (-.,|   ) --[a-z]/ {
		put()
		key = substr($0, 3, 1) == "-" ? substr($0, 4, 1) : "-"
		line = substr($0, 9)
		name = line
		sub(/[ ].*/, "", name)
		line = substr(line, length(name) + 1)
		value = "-"
		if (line ~ /^ [^ ]/) {		# one space: the value, more: the text
			value = substr(line, 2)
			sub(/[ ].*/, "", value)
			line = substr(line, length(value) + 2)
		}
		sub(/^ +/, "", line)
		help = line
		next
	}
	name && /^ +[^ ]/ {
		sub(/^ +/, "")
		help = help (help ? " " : "") $0
	}
	END { put() }'
}

# Rows with the help text cut to what an option does, without its default
short()
{
	awk 'BEGIN { FS = OFS = "\t" }
	{
		sub(/; default:.*/, "", $5)
		sub(/[.;:] .*/, "", $5)
		print
	}'
}

# Names of the options in the rows whose field 1 fits pattern $1 and field 4 pattern $2,
# long and short, separated by $3
names()
{
	awk -F '\t' -v who="$1" -v value="$2" -v sep="$3" '
	function put(s) { printf "%s%s", n++ ? sep : "", s }
	$1 ~ "^(" who ")$" && $4 ~ "^(" value ")$" {
		if ($2 != "-")
			put("-" $2)
		put("--" $3)
	}' "$table"
}

to_bash()
{
	cat <<END
# bash completion for passt and pasta, made from --help by completion.sh

_passt()
{
	local program=\${1##*/} cur=\${COMP_WORDS[COMP_CWORD]} prev= i
	local -a words

	[ "\$COMP_CWORD" -lt 1 ] || prev=\${COMP_WORDS[COMP_CWORD - 1]}
	# "--option=value" comes as three words
	if [ "\$cur" = "=" ]; then
		cur=
	elif [ "\$prev" = "=" ]; then
		prev=\${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()

	# A command of pasta's and its arguments
	for ((i = 1; i < COMP_CWORD; i++)); do
		case \${COMP_WORDS[i]} in
		--) i=\$((i + 1)); break ;;
		=) i=\$((i + 1)) ;;
		$(names '.*' '[^-].*' '|'))
			[ "\${COMP_WORDS[i + 1]-}" = "=" ] || i=\$((i + 1)) ;;
		-*) ;;
		*) break ;;
		esac
	done
	if [ "\$i" -lt "\$COMP_CWORD" ]; then
		compopt -o default
		! declare -F _command_offset >/dev/null || _command_offset "\$i"
		return
	fi

	case \$prev in
	$(names '.*' 'PATH|FILE' '|'))
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "\$cur")
		return ;;
	$(names '.*' 'PATH.NAME' '|'))
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "\$cur"
			compgen -W "\$(ls /run/netns 2>/dev/null)" -- "\$cur")
		return ;;
	$(names '.*' 'IFNAME' '|'))
		mapfile -t COMPREPLY < <(compgen -W "\$(ls /sys/class/net)" -- "\$cur")
		return ;;
	$(names '.*' 'USER' '|'))
		mapfile -t COMPREPLY < <(compgen -u -- "\$cur")
		return ;;
	$(names '.*' 'SPEC' '|'))
		words=(none all)
		[ "\$program" != pasta ] || words+=(auto)
		mapfile -t COMPREPLY < <(compgen -W "\${words[*]}" -- "\$cur")
		return ;;
	$(awk -F '\t' '$4 !~ /^(-|PATH|FILE|PATH.NAME|IFNAME|USER|SPEC)$/ {
		printf "%s%s--%s", n++ ? "|" : "", $2 == "-" ? "" : "-" $2 "|", $3
	}' "$table"))
		return ;;
	esac

	case \$program:\$cur in
	pasta:-*)
		mapfile -t COMPREPLY < <(compgen -W "$(names 'both|pasta' '.*' ' ')" -- "\$cur") ;;
	pasta:*)
		mapfile -t COMPREPLY < <(compgen -c -- "\$cur") ;;
	*)
		mapfile -t COMPREPLY < <(compgen -W "$(names 'both|passt' '.*' ' ')" -- "\$cur") ;;
	esac
}
complete -F _passt passt pasta
END
}

# Elements of an array for _arguments: the options of program $1
zsh_specs()
{
	awk -F '\t' -v who="$1" '
	$1 == who {
		text = $5
		gsub(/\\/, "&&", text)
		gsub(/\[/, "\\[", text)
		gsub(/\]/, "\\]", text)
		gsub(/:/, "\\:", text)
		gsub(/\047/, "\047\\\047\047", text)
		action = ""
		if ($4 ~ /^(PATH|FILE)/)
			action = "_files"
		else if ($4 == "IFNAME")
			action = "_net_interfaces"
		else if ($4 == "USER")
			action = "_users"
		else if ($4 == "SPEC")
			action = "(none all auto)"
		value = $4
		gsub(/:/, "\\:", value)
		value = value == "-" ? "" : ":" value ":" action
		if ($2 == "-")
			printf "\t\047*--%s%s[%s]%s\047\n", $3, value ? "=" : "", text, value
		else
			printf "\t\047*\047{-%s%s,--%s%s}\047[%s]%s\047\n", $2,
				value ? "+" : "", $3, value ? "=" : "", text, value
	}' "$table"
}

to_zsh()
{
	cat <<END
#compdef passt pasta
# zsh completion for passt and pasta, made from --help by completion.sh

local -a options
options=(
$(zsh_specs both)
)
if [[ \$service == pasta ]]; then
	options+=(
$(zsh_specs pasta)
		'(-):command: _command_names -e'
		'*::arguments: _normal'
	)
else
	options+=(
$(zsh_specs passt)
	)
fi
_arguments -s -S \$options
END
}

# Lines for the options of the rows of $1, for program $2
fish_lines()
{
	awk -F '\t' -v who="$1" -v program="$2" '
	$1 == who {
		text = $5
		gsub(/\\/, "&&", text)
		gsub(/\047/, "\\\047", text)
		printf "complete -c %s -l %s", program, $3
		if ($2 != "-")
			printf " -s %s", $2
		if ($4 ~ /^(PATH|FILE)$/)
			printf " -rF"
		else if ($4 == "PATH|NAME")
			printf " -rF -a \047(command ls /run/netns 2>/dev/null)\047"
		else if ($4 == "IFNAME")
			printf " -x -a \047(command ls /sys/class/net)\047"
		else if ($4 == "USER")
			printf " -x -a \047(__fish_complete_users)\047"
		else if ($4 == "SPEC")
			printf " -x -a \047none all%s\047", program == "pasta" ? " auto" : ""
		else if ($4 != "-")
			printf " -x"
		printf " -d \047%s\047\n", text
	}' "$table"
}

to_fish()
{
	cat <<END
# fish completion for passt and pasta, made from --help by completion.sh
complete -c passt -f
$(fish_lines both passt)
$(fish_lines passt passt)
complete -c pasta -x -a '(__fish_complete_subcommand)'
$(fish_lines both pasta)
$(fish_lines pasta pasta)
END
}

table=$(mktemp)
trap 'rm -f "$table"' EXIT
trap 'exit 1' HUP INT TERM
rows | short >"$table"
[ -s "$table" ] || { echo "completion.sh: no options on the input" >&2; exit 1; }

case ${1-} in
bash|zsh|fish) "to_$1" ;;
*) echo "Usage: pasta --help | $0 bash|zsh|fish" >&2; exit 1 ;;
esac
