module kfpcredential

go 1.22
