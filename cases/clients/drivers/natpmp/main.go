// SPDX-License-Identifier: MIT

// natpmp OPERATION - jackpal/go-nat-pmp towards the default gateway.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	natpmp "github.com/jackpal/go-nat-pmp"
)

func number(name string) int {
	value, _ := strconv.Atoi(os.Getenv("IGDLAB_" + name))
	return value
}

func perform(c *natpmp.Client, operation string) error {
	if operation == "external-ip" {
		found, err := c.GetExternalAddress()
		if err == nil {
			fmt.Println("address", net.IP(found.ExternalIPAddress[:]))
		}
		return err
	}
	external, lease := number("EXTERNAL_PORT"), number("LEASE")
	if operation == "delete" {
		external, lease = 0, 0
	}
	found, err := c.AddPortMapping(os.Getenv("IGDLAB_PROTOCOL"), number("INTERNAL_PORT"), external, lease)
	if err != nil {
		return err
	}
	if operation == "delete" {
		fmt.Println("deleted")
	} else {
		fmt.Printf("mapped :%d for %d s\n", found.MappedExternalPort, found.PortMappingLifetimeInSeconds)
	}
	return nil
}

func main() {
	c := natpmp.NewClientWithTimeout(net.ParseIP(os.Getenv("IGDLAB_GATEWAY")), 8*time.Second)
	if err := perform(c, os.Args[1]); err != nil {
		fmt.Println("refused", err)
		os.Exit(1)
	}
}
