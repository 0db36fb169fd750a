package php
import ("testing";"os";"fmt";"sort")
func TestZZReasons(t *testing.T) {
	path := writeConfig(t, "")
	n := map[string]int{}; files := 0
	for i := uint64(1); i <= 2000; i++ {
		src := newGenerator(i).config()
		os.WriteFile(path, []byte(src), 0o600)
		os.WriteFile(fmt.Sprintf("/tmp/phpcmp/g%d.php", i), []byte(src), 0o600)
		c, _ := Evaluate(t.Context(), []string{path}, Options{Getenv: os.LookupEnv})
		if len(c.Unknown) > 0 { files++ }
		for _, u := range c.Unknown { n[u.Reason]++ ; if n[u.Reason] == 1 { fmt.Println(i, u.Key, u.Line, u.Reason) } }
	}
	var k []string
	for r := range n { k = append(k, fmt.Sprintf("%5d %s", n[r], r)) }
	sort.Strings(k)
	for _, x := range k { fmt.Println(x) }
	fmt.Println("files with unknown", files)
}
