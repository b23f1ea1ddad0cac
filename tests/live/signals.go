// SPDX-License-Identifier: Apache-2.0

// A program with the signal behaviour of the Go runtime: preemption by SIGURG, many threads, handlers without
// interrupted calls, children, network.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
)

func spin(n int) int {
	sum := 0
	for i := 0; i < n; i++ {
		sum += i % 7
	}
	return sum
}

func main() {
	runtime.GOMAXPROCS(4)
	var group sync.WaitGroup
	sums := make([]int, 8)
	for i := range sums {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for round := 0; round < 20; round++ {
				sums[i] += spin(2000000)
				runtime.GC()
			}
		}(i)
	}

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	for i := 0; i < 20; i++ {
		syscall.Kill(os.Getpid(), syscall.SIGUSR1)
		<-signals
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println("listen:", err)
		os.Exit(1)
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(connection).ReadString('\n')
			fmt.Fprintf(connection, "echo %s", line)
			connection.Close()
		}
	}()
	for i := 0; i < 20; i++ {
		connection, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			fmt.Println("dial:", err)
			os.Exit(1)
		}
		fmt.Fprintf(connection, "line %d\n", i)
		answer, _ := bufio.NewReader(connection).ReadString('\n')
		fmt.Print(answer)
		connection.Close()
	}
	for i := 0; i < 10; i++ {
		output, err := exec.Command("/bin/echo", "child", fmt.Sprint(i)).Output()
		fmt.Print(string(output))
		if err != nil {
			fmt.Println("child:", err)
			os.Exit(1)
		}
	}
	group.Wait()
	fmt.Println(sums)
	os.Exit(13)
}
