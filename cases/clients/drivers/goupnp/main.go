// SPDX-License-Identifier: MIT

// goupnp OPERATION - huin/goupnp as its authors use it: WANIPConnection:2, :1, WANPPPConnection:1, the first that is there.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/huin/goupnp/dcps/internetgateway1"
	"github.com/huin/goupnp/dcps/internetgateway2"
)

type connection interface {
	AddPortMapping(host string, external uint16, protocol string, internal uint16, client string, enabled bool,
		description string, lease uint32) error
	DeletePortMapping(host string, external uint16, protocol string) error
	GetExternalIPAddress() (string, error)
}

func find() connection {
	if found, _, err := internetgateway2.NewWANIPConnection2Clients(); err == nil && len(found) > 0 {
		return found[0]
	}
	if found, _, err := internetgateway1.NewWANIPConnection1Clients(); err == nil && len(found) > 0 {
		return found[0]
	}
	if found, _, err := internetgateway1.NewWANPPPConnection1Clients(); err == nil && len(found) > 0 {
		return found[0]
	}
	return nil
}

func number(name string) uint64 {
	value, _ := strconv.ParseUint(os.Getenv("IGDLAB_"+name), 10, 32)
	return value
}

func perform(c connection, operation string) error {
	external, protocol := uint16(number("EXTERNAL_PORT")), strings.ToUpper(os.Getenv("IGDLAB_PROTOCOL"))
	if operation == "external-ip" {
		address, err := c.GetExternalIPAddress()
		fmt.Println("address", address)
		return err
	}
	if operation == "delete" {
		err := c.DeletePortMapping("", external, protocol)
		if err == nil {
			fmt.Println("deleted")
		}
		return err
	}
	err := c.AddPortMapping("", external, protocol, uint16(number("INTERNAL_PORT")), os.Getenv("IGDLAB_INTERNAL_CLIENT"),
		true, os.Getenv("IGDLAB_DESCRIPTION"), uint32(number("LEASE")))
	if err == nil {
		fmt.Printf("mapped :%d\n", external)
	}
	return err
}

func main() {
	c := find()
	if c == nil {
		fmt.Println("refused no gateway")
		os.Exit(1)
	}
	if err := perform(c, os.Args[1]); err != nil {
		fmt.Println("refused", err)
		os.Exit(1)
	}
}
