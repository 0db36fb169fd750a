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

// transfer is a value on its way between two processes: one of its fields, or none for null. Texts are bytes.
type transfer struct {
	Bool   *bool           `json:"b,omitempty"`
	Int    *int64          `json:"i,omitempty"`
	Float  *string         `json:"f,omitempty"`
	Text   *[]byte         `json:"t,omitempty"`
	Array  *[]transferPair `json:"a,omitempty"`
	Object *[]transferPair `json:"o,omitempty"`
}

// transferPair is an element of an array, or a property.
type transferPair struct {
	Number *int64   `json:"n,omitempty"`
	Key    []byte   `json:"k,omitempty"` // where there is no number
	Value  transfer `json:"v"`
}

func newTransfer(v Value) (t transfer, err error) {
	switch v := v.(type) {
	case nil:
	case bool:
		t.Bool = &v
	case int64:
		t.Int = &v
	case float64:
		text := strconv.FormatFloat(v, 'x', -1, 64)
		t.Float = &text
	case string:
		text := []byte(v)
		t.Text = &text
	case *Array:
		t.Array, err = newPairs(v)
	case *Object:
		t.Object, err = newPairs(v.Properties)
	default:
		err = fmt.Errorf("encode a value: %T is none", v)
	}
	return t, err
}

func newPairs(a *Array) (*[]transferPair, error) {
	pairs := make([]transferPair, 0, a.Len())
	for key, v := range a.All() {
		var pair transferPair
		if number, isNumber := key.(int64); isNumber {
			pair.Number = &number
		} else {
			pair.Key = []byte(key.(string))
		}
		var err error
		if pair.Value, err = newTransfer(v); err != nil {
			return nil, err
		}
		pairs = append(pairs, pair)
	}
	return &pairs, nil
}

func (t transfer) value() (Value, error) {
	switch {
	case t.Bool != nil:
		return *t.Bool, nil
	case t.Int != nil:
		return *t.Int, nil
	case t.Float != nil:
		number, err := strconv.ParseFloat(*t.Float, 64)
		if err != nil && !math.IsInf(number, 0) {
			return nil, errors.New("decode a value: a number is none")
		}
		return number, nil
	case t.Text != nil:
		return string(*t.Text), nil
	case t.Array != nil:
		return arrayOf(*t.Array)
	case t.Object != nil:
		properties, err := arrayOf(*t.Object)
		return &Object{Class: "stdClass", Properties: properties}, err
	}
	return nil, nil
}

func arrayOf(pairs []transferPair) (*Array, error) {
	a := &Array{}
	for _, pair := range pairs {
		v, err := pair.Value.value()
		if err != nil {
			return nil, err
		}
		key := stringKey(string(pair.Key))
		if pair.Number != nil {
			key = *pair.Number
		}
		a.set(key, v, origin{})
	}
	return a, nil
}
