console.log("green")
