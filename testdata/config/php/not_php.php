hello, no tag here
