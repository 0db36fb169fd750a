package php

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Encode writes a value of a [Config] for [Decode] in another process.
func Encode(v Value) ([]byte, error) {
	t, err := newTransfer(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(t)
}

// Decode reads what [Encode] wrote. It makes plain values of whatever it is given, and takes memory in proportion to that alone.
func Decode(data []byte) (Value, error) {
	var t transfer
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("decode a value: %w", err)
	}
	return t.value()
}

// transfer is a value on its way between two processes: its type and its text, or what is in it.
type transfer struct {
	Type  string         `json:"t,omitempty"` // none of a string, which most are
	Text  []byte         `json:"v,omitempty"`
	Items []transferItem `json:"i,omitempty"`
}

// transferItem is an element of an array, or a property. The text of a key says whether it is an integer.
type transferItem struct {
	Key []byte `json:"k"`
	transfer
}

func newTransfer(v Value) (t transfer, err error) {
	t.Type = typeName(v)
	switch v := v.(type) {
	case string:
		t = transfer{Text: []byte(v)}
	case nil, bool, int64:
		t.Text = []byte(Text(v))
	case float64:
		t.Text = strconv.AppendFloat(nil, v, 'x', -1, 64)
	case *Array:
		t.Items, err = newItems(v)
	case *Object:
		t.Items, err = newItems(v.Properties)
	default:
		err = fmt.Errorf("encode a value: %T is none", v)
	}
	return t, err
}

func newItems(a *Array) ([]transferItem, error) {
	items := make([]transferItem, 0, a.Len())
	for key, v := range a.All() {
		value, err := newTransfer(v)
		if err != nil {
			return nil, err
		}
		items = append(items, transferItem{[]byte(Text(key)), value})
	}
	return items, nil
}

func (t transfer) value() (Value, error) {
	text := string(t.Text)
	switch t.Type {
	case "":
		return text, nil
	case "null":
		return nil, nil
	case "bool":
		return Bool(text), nil
	case "int":
		return Int(text), nil
	case "float":
		if number, err := strconv.ParseFloat(text, 64); err == nil || math.IsInf(number, 0) {
			return number, nil
		}
	case "array":
		return arrayOf(t.Items)
	case "stdClass":
		properties, err := arrayOf(t.Items)
		return &Object{Class: "stdClass", Properties: properties}, err
	}
	return nil, errors.New("decode a value: it is none of its type")
}

func arrayOf(items []transferItem) (*Array, error) {
	a := &Array{}
	for _, item := range items {
		v, err := item.value()
		if err != nil {
			return nil, err
		}
		a.set(stringKey(string(item.Key)), v, origin{})
	}
	return a, nil
}
