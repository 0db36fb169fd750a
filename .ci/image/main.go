// Command image writes an image of the binaries for containers as an OCI layout, without a daemon: the binary, the certificates of Mozilla's
// authorities, and what the last stage of docs/deploy/Dockerfile says about users and commands. The same arguments give the same bytes.
//
//	image VERSION TIME DOCKERFILE FOLDER ARCHITECTURE=BINARY...
package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 6 {
		log.Fatal("usage: image VERSION TIME DOCKERFILE FOLDER ARCHITECTURE=BINARY...")
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5:]); err != nil {
		log.Fatal("write image: ", err)
	}
}

func write(version, created, dockerfile, folder string, binaries []string) error {
	when, err := time.Parse(time.RFC3339, created)
	if err != nil {
		return err
	}
	instructions, err := os.ReadFile(dockerfile)
	if err != nil {
		return err
	}
	config, err := configOf(string(instructions))
	if err != nil {
		return fmt.Errorf("read %s: %w", dockerfile, err)
	}
	config.Labels = map[string]string{
		"org.opencontainers.image.title":    "notify_push",
		"org.opencontainers.image.version":  version,
		"org.opencontainers.image.source":   "https://github.com/notifypush/notifypush",
		"org.opencontainers.image.licenses": "Apache-2.0",
	}

	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, pair := range binaries {
		architecture, path, _ := strings.Cut(pair, "=")
		binary, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		image, err := imageOf(binary, architecture, when.UTC(), config)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": version})); err != nil {
		return err
	}
	written, err := path.ImageIndex()
	if err != nil {
		return err
	}
	return validate.Index(written)
}

func imageOf(binary []byte, architecture string, created time.Time, config v1.Config) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, content := range []struct {
		path string
		mode int64
		data []byte
	}{{"etc/ssl/certs/ca-certificates.crt", 0o644, authorities()}, {"usr/local/bin/notify_push", 0o755, binary}} {
		packed, err := pack(content.path, content.mode, content.data, created)
		if err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil },
			tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer: layer, History: v1.History{Created: v1.Time{Time: created}, CreatedBy: "COPY " + content.path},
		})
		if err != nil {
			return nil, err
		}
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created, file.Config = "linux", architecture, v1.Time{Time: created}, config
	return mutate.ConfigFile(image, file)
}

// pack is a tar of one file and the folders above it.
func pack(path string, mode int64, data []byte, modified time.Time) ([]byte, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for i, letter := range path {
		if letter == '/' {
			header := &tar.Header{Typeflag: tar.TypeDir, Name: path[:i+1], Mode: 0o755, ModTime: modified}
			if err := w.WriteHeader(header); err != nil {
				return nil, err
			}
		}
	}
	if err := w.WriteHeader(&tar.Header{Name: path, Mode: mode, Size: int64(len(data)), ModTime: modified}); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err := w.Close() // writes the end
	return packed.Bytes(), err
}

// authorities are the roots that Mozilla trusts without a condition, because PEM can state none.
func authorities() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return text.Bytes()
}

// configOf is what the last stage of a Dockerfile says of how to run the image.
func configOf(dockerfile string) (config v1.Config, err error) {
	for line := range strings.SplitSeq(dockerfile, "\n") {
		instruction, rest, _ := strings.Cut(line, " ")
		switch instruction {
		case "FROM":
			config = v1.Config{}
		case "USER":
			config.User = rest
		case "ENV":
			config.Env = strings.Fields(rest)
		case "EXPOSE":
			config.ExposedPorts = map[string]struct{}{rest + "/tcp": {}}
		case "ENTRYPOINT":
			err = json.Unmarshal([]byte(rest), &config.Entrypoint)
		case "CMD":
			err = json.Unmarshal([]byte(rest), &config.Cmd)
		case "HEALTHCHECK":
			config.Healthcheck, err = healthcheckOf(rest)
		}
		if err != nil {
			return config, fmt.Errorf("%s: %w", line, err)
		}
	}
	return config, nil
}

func healthcheckOf(text string) (*v1.HealthConfig, error) {
	flags, command, found := strings.Cut(text, "CMD ")
	if !found {
		return nil, fmt.Errorf("no CMD")
	}
	check := &v1.HealthConfig{}
	for flag := range strings.FieldsSeq(flags) {
		name, value, _ := strings.Cut(flag, "=")
		duration, err := time.ParseDuration(value)
		switch {
		case err != nil:
			return nil, err
		case name == "--interval":
			check.Interval = duration
		case name == "--timeout":
			check.Timeout = duration
		default:
			return nil, fmt.Errorf("unknown flag %s", name)
		}
	}
	var words []string
	if err := json.Unmarshal([]byte(command), &words); err != nil {
		return nil, err
	}
	check.Test = append([]string{"CMD"}, words...)
	return check, nil
}
