package kfpcredential

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const execVariable = "KFP_CREDENTIAL_EXEC"

// ExecConfig names the helper to run, in the shape of kubeconfig's exec.
type ExecConfig struct {
	Command     string
	Args        []string
	Env         []string // NAME=value, added to the environment of this process; may hold secrets.
	InstallHint string
	Source      string // Where this comes from, for words to people.
}

// String leaves out the environment, which may hold secrets.
func (c ExecConfig) String() string {
	return strings.Join(append([]string{c.Command}, c.Args...), " ")
}

// GoString leaves it out as well.
func (c ExecConfig) GoString() string { return c.String() }

// FindExecConfig looks where a user says which helper to run: in the variable KFP_CREDENTIAL_EXEC (a file's path, or
// the JSON itself), then under the key exec of the kfp SDK's context.json. Without either it is `kfp-credential get`.
func FindExecConfig() (*ExecConfig, error) {
	switch given := os.Getenv(execVariable); {
	case strings.HasPrefix(given, "{"):
		return ParseExecConfig([]byte(given), execVariable, "")
	case given != "":
		text, err := readFile(given)
		if err != nil {
			return nil, failure(ExecConfigInvalid, "%s names a file that cannot be read: %v", execVariable, err)
		}
		return ParseExecConfig(text, given, filepath.Dir(given))
	}
	if home, err := os.UserHomeDir(); err == nil {
		config, err := ofKfpContext(filepath.Join(home, ".config", "kfp", "context.json"))
		if config != nil || err != nil {
			return config, err
		}
	}
	return &ExecConfig{Command: "kfp-credential", Args: []string{"get"}, Source: "the default"}, nil
}

// ofKfpContext gives nil where the kfp SDK's file is not there, or says nothing of a helper.
func ofKfpContext(file string) (*ExecConfig, error) {
	text, err := readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure(ExecConfigInvalid, "the kfp SDK's context cannot be read: %v", err)
	}
	if holder, ok := parseObject(text); ok && holder["exec"] == nil {
		return nil, nil
	}
	return ParseExecConfig(text, file, filepath.Dir(file))
}

// ParseExecConfig reads a JSON object with the key exec. The source is for words to people. A relative command is
// relative to the folder; where that is "", to the working directory.
func ParseExecConfig(text []byte, source, folder string) (*ExecConfig, error) {
	wrong := func(what string) (*ExecConfig, error) {
		return nil, failure(ExecConfigInvalid, "%s: %s", source, what)
	}
	holder, ok := parseObject(text)
	if !ok {
		return wrong("it is no JSON object")
	}
	exec, ok := holder["exec"].(object)
	if !ok {
		return wrong("exec is missing, or no object")
	}
	config := &ExecConfig{Source: source}
	if config.Command, ok = exec["command"].(string); !ok || config.Command == "" {
		return wrong("exec.command is missing, or no string that names a program")
	}
	args, isArray := optional[[]any](exec, "args")
	if config.Args, ok = texts(args); !isArray || !ok {
		return wrong("exec.args is no array of strings")
	}
	if config.InstallHint, ok = optional[string](exec, "installHint"); !ok {
		return wrong("exec.installHint is no string")
	}
	env, ok := optional[[]any](exec, "env")
	if !ok {
		return wrong("exec.env is no array")
	}
	for _, entry := range env {
		variable, _ := entry.(object)
		name, isName := variable["name"].(string)
		value, isValue := variable["value"].(string)
		if !isName || !isValue || name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return wrong("exec.env has an entry without a name and a value that can be set")
		}
		config.Env = append(config.Env, name+"="+value)
	}
	if isRelative := filepath.Base(config.Command) != config.Command && !filepath.IsAbs(config.Command); isRelative && folder != "" {
		// Absolute, as a join of `.` and `./helper` is a name to look up in PATH.
		folder, err := filepath.Abs(folder)
		if err != nil {
			return wrong("its folder is not known: " + err.Error())
		}
		config.Command = filepath.Join(folder, config.Command)
	}
	return config, nil
}
