console.log('[]')
