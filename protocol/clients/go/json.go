package kfpcredential

import (
	"encoding/json"
	"unicode/utf8"
)

// object is a JSON object. It is read key by key, as encoding/json would take a struct's keys in any case.
type object = map[string]any

// parseObject wants one object with nothing before or after it, in UTF-8, which encoding/json would mend silently.
func parseObject(text []byte) (object, bool) {
	var parsed object
	ok := utf8.Valid(text) && json.Unmarshal(text, &parsed) == nil && parsed != nil
	return parsed, ok
}

// optional reads a key that may be missing; null counts as missing.
func optional[T any](from object, key string) (value T, ok bool) {
	if from[key] == nil {
		return value, true
	}
	value, ok = from[key].(T)
	return value, ok
}

// texts makes strings of an array.
func texts(array []any) ([]string, bool) {
	list := make([]string, len(array))
	for i, item := range array {
		text, ok := item.(string)
		if !ok {
			return nil, false
		}
		list[i] = text
	}
	return list, true
}
